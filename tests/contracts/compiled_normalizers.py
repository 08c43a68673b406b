"""Compiled and exported layers; run by test_compiled_normalizers.py without shape checks."""

import functools
import inspect
import warnings

import pytest
import torch
from torch import nn

from revin_forecast import Ensemble, Reversible, RevIN
from revin_forecast import backbones as models
from revin_forecast import normalizers as home
from revin_forecast.checks import PROGRAM_CHECKS
from revin_forecast.checks.adapted_layer import adapt_factory
from revin_forecast.checks.compiled import expect_compiles, expect_exports

pytestmark = pytest.mark.usefixtures("operators_read_once", "shared_exports")

CLASSES = {
    name: kind
    for name in home.__all__
    if isinstance(kind := getattr(home, name), type)
    and issubclass(kind, home.Normalizer)
    and not inspect.isabstract(kind)
}
CASES = CLASSES | {
    "RevIN last": functools.partial(RevIN, statistic="last"),
    "RevIN median": functools.partial(RevIN, statistic="median"),
    "R2-IN": functools.partial(home.Robust, spread="mad", affine=True),
    "RevIN of a copy": functools.partial(RevIN, affine="unguarded", eps=1e-5, correction=1),
}


@pytest.mark.parametrize("promise", PROGRAM_CHECKS)
@pytest.mark.parametrize("name", CASES)
def test_programs(name, promise):
    with warnings.catch_warnings():
        # Raised by the exporter itself, through torch's pytree and copyreg.
        warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated")
        assert PROGRAM_CHECKS[promise](CASES[name]) is None


class Copied(nn.Module):
    """A layer of other code, which gives NaN for a window with a gap."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def normalize(self, x):
        mean, scale = x.mean(1, keepdim=True), x.std(1, keepdim=True)
        return (x - mean) / scale * self.weight, mean, scale

    def denormalize(self, y, mean, scale):
        return y / self.weight * scale + mean


def test_layers_of_other_code_are_compiled_on_windows_without_gaps():
    make, style = adapt_factory(Copied)
    assert style.description == "layer.normalize(x) and layer.denormalize(y, *stats)"
    assert PROGRAM_CHECKS["torch.compile in one graph"](make) is None


def test_nested_ensembles_compile_and_export():
    linear = Reversible(models.Linear(24, 6, 3), RevIN(3))
    inner = Ensemble([models.DLinear(24, 6, 3), linear])
    outer = Ensemble([linear, inner], [1.0, 2.0])
    model, past = Reversible(outer, RevIN(3)).eval(), sample_windows()
    expect_compiles(model, past)
    expect_exports(model, (past[:2],), (past,))


def sample_windows(shape=(5, 24, 3), level=50.0):
    return torch.randn(shape) * 2 + level


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("statistic", ["mean", "last"])
def test_compiled_layer_equals_the_eager_one_forward_and_backward(statistic, gaps):
    layer, past = RevIN(3, statistic=statistic).double(), sample_windows().double()
    with torch.no_grad():
        layer.affine_weight.copy_(torch.tensor([0.7, -1.5, 2.0]))
        layer.affine_bias.copy_(torch.tensor([0.3, -2.0, 5.0]))
    if gaps:
        past[0, 3, 1], past[2, -1, 2], past[4, :, 0] = torch.nan, torch.inf, torch.nan

    def both_ways(values):
        z, stats = layer.normalize(values)
        return z.tanh(), layer.denormalize(z.square(), stats)

    torch.compiler.reset()
    compiled = torch.compile(both_ways, fullgraph=True)
    results = []
    for call in (both_ways, compiled):
        values = past.clone().requires_grad_()
        z, forecast = call(values)
        loss = z.square().sum() + forecast.sin().sum()
        gradients = torch.autograd.grad(loss, [values, *layer.parameters()])
        results.append((z, forecast, *gradients))
    for eager, compiled_result in zip(*results, strict=True):
        torch.testing.assert_close(compiled_result, eager, rtol=1e-9, atol=1e-9)


def test_compiled_code_keeps_the_precision():
    model = Reversible(nn.Identity(), RevIN(3))
    window = torch.randn(4, 96, 3) + 1e6
    torch.compiler.reset()
    compiled = torch.compile(lambda past: model.normalizer.normalize(past)[0], fullgraph=True)
    exact, _ = RevIN(3).double().normalize(window.double())
    assert (compiled(window) - exact).abs().max() < 1e-5


def test_exported_programs_contain_no_custom_operator():
    model = Reversible(nn.Identity(), RevIN(3)).eval()
    program = torch.export.export(model, (sample_windows(),))
    assert "revin_forecast" not in program.graph_module.code


def test_exported_denormalize_step_takes_statistics_as_inputs():
    into, back = RevIN(3).pair()
    with torch.no_grad():
        z, stats = into(sample_windows())
        other_z, other_stats = into(sample_windows(level=-522.0))
    program = torch.export.export(back, (z, stats))
    torch.testing.assert_close(program.module()(other_z, other_stats), back(other_z, other_stats))
