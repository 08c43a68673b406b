"""Programs traced from models; run by test_compiled.py without run-time shape checks."""

import functools
import inspect
import warnings

import pytest
import torch
from torch import nn

from revin_forecast import Ensemble, Reversible, RevIN
from revin_forecast import backbones as models
from revin_forecast import normalizers as home
from revin_forecast.checks import BACKBONE_PROGRAM_CHECKS, PROGRAM_CHECKS
from revin_forecast.checks.compiled import expect_compiles, expect_exports
from tests.support.backbones import BACKBONES

pytestmark = pytest.mark.usefixtures("operators_read_once")

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
}


@pytest.mark.parametrize("promise", PROGRAM_CHECKS)
@pytest.mark.parametrize("name", CASES)
def test_programs(name, promise):
    with warnings.catch_warnings():
        # The exporter's own use of torch's pytree and of copyreg.
        warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated")
        assert PROGRAM_CHECKS[promise](CASES[name]) is None


# One variant of each class is enough where the operators are the same.
SAME = {"GRU deep", "NBEATS one block", "SparseTSF nonlinear", "CycleNet nonlinear"}
SAME |= {"Siamese known", "PerChannel known", "TiedAutoencoder untied", "PatchLM untied"}
TRACED = [name for name in BACKBONES if name not in SAME]
IN_PARTS = {"GRU", "LSTM", "SegRNN", "Siamese"}


@pytest.mark.parametrize("promise", BACKBONE_PROGRAM_CHECKS)
@pytest.mark.parametrize("name", TRACED)
def test_backbone_programs(name, promise):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated")
        # torch's own: two inputs with one batch; how it traces its recurrent nets.
        warnings.filterwarnings("ignore", message=".*axis name: batch will not be used")
        warnings.filterwarnings("ignore", message=".*grad attribute of a Tensor that is not a leaf")
        warnings.filterwarnings("ignore", message=".*_check_is_size will be removed")
        warnings.filterwarnings("ignore", message=".*_flat_weights.* were assigned during export")
        told = BACKBONE_PROGRAM_CHECKS[promise](BACKBONES[name])
    in_parts = "compile" in promise and name in IN_PARTS
    assert (told is not None) == in_parts, told


def test_ensembles_that_nest_are_programs():
    one = Reversible(models.Linear(24, 6, 3), RevIN(3))
    two = Ensemble([models.DLinear(24, 6, 3), one])
    model, past = Reversible(Ensemble([one, two], [1.0, 2.0]), RevIN(3)).eval(), windows()
    expect_compiles(model, past)
    expect_exports(model, (past[:2],), (past,))


def windows(shape=(5, 24, 3), level=50.0):
    return torch.randn(shape) * 2 + level


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("statistic", ["mean", "last"])
def test_compiled_layer_equals_the_eager_one_forward_and_backward(statistic, gaps):
    layer, past = RevIN(3, statistic=statistic).double(), windows().double()
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
    found = []
    for call in (both_ways, compiled):
        values = past.clone().requires_grad_()
        z, forecast = call(values)
        loss = z.square().sum() + forecast.sin().sum()
        gradients = torch.autograd.grad(loss, [values, *layer.parameters()])
        found.append((z, forecast, *gradients))
    for got, wanted in zip(*found, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)


def test_compiled_keeps_the_precision():
    made = Reversible(nn.Identity(), RevIN(3))
    window = torch.randn(4, 96, 3) + 1e6
    torch.compiler.reset()
    compiled = torch.compile(lambda x: made.normalizer.normalize(x)[0], fullgraph=True)
    exact, _ = RevIN(3).double().normalize(window.double())
    assert (compiled(window) - exact).abs().max() < 1e-5


def test_operators_are_sound():
    from revin_forecast.normalizers.kernels import torch_ops as operators

    past, observed = windows(), torch.rand(5, 24, 3) < 0.9
    anchor = past[:, -1:]
    factor = torch.rand(5, 1, 3) + 0.5
    for operator, inputs in (
        (operators.find_observed_op, (past, observed)),
        (operators.anchored_moments_op, (past, observed)),
        (operators.normalize_op, (past, anchor, factor, factor, anchor, observed)),
        (operators.denormalize_op, (past, factor, factor, anchor)),
        (operators.scale_gradient_op, (past, factor, observed)),
        (operators.scale_gradient_op, (past, factor, None)),
        (operators.sum_gradient_op, (past, past, anchor, observed)),
        (operators.sum_gradient_op, (past, past, None, None)),
    ):
        torch.library.opcheck(operator, inputs)


def test_exported_programs_hold_none_of_our_operators():
    model = Reversible(nn.Identity(), RevIN(3)).eval()
    program = torch.export.export(model, (windows(),))
    assert "revin_forecast" not in program.graph_module.code


def test_export_denormalize_alone_takes_statistics_as_inputs():
    into, back = RevIN(3).pair()
    with torch.no_grad():
        z, stats = into(windows())
        other, others = into(windows(level=-522.0))
    program = torch.export.export(back, (z, stats))
    torch.testing.assert_close(program.module()(other, others), back(other, others))
