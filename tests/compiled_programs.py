"""Programs traced from the layer; run by test_compiled.py without run-time shape checks."""

import copy
import pickle

import pytest
import torch
from torch import nn

from revin_forecast import Reversible, RevIN


class Net(nn.Linear):
    def forward(self, past):
        return super().forward(past.mT).mT.tanh()


def model(**options):
    made = Reversible(Net(24, 6), RevIN(3, **options))
    with torch.no_grad():
        for parameter in made.normalizer.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return made


def past(batch=5, level=50.0):
    return torch.randn(batch, 24, 3) * 2 + level


@pytest.mark.parametrize("statistic", ["mean", "last", "median"])
def test_compile_in_one_graph(statistic):
    made, window = model(statistic=statistic), past()
    window[0, 3, 1] = torch.nan
    torch.compiler.reset()
    compiled = torch.compile(made, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(window), made(window))
    compiled(window).square().mean().backward()
    assert made.normalizer.affine_weight.grad.abs().sum() > 0


def test_inductor_keeps_the_precision():
    made = Reversible(nn.Identity(), RevIN(3))
    window = torch.randn(4, 96, 3) + 1e6
    torch.compiler.reset()
    compiled = torch.compile(lambda x: made.normalizer.normalize(x)[0], fullgraph=True)
    exact, _ = RevIN(3).double().normalize(window.double())
    assert (compiled(window) - exact).abs().max() < 1e-5


def test_export_whole_model_with_dynamic_batch():
    made = model().eval()
    batch = torch.export.Dim("batch", min=1, max=4096)
    program = torch.export.export(made, (past(3),), dynamic_shapes=({0: batch},))
    window = past(7, level=-300.0)
    torch.testing.assert_close(program.module()(window), made(window))
    copy.deepcopy(made)
    pickle.dumps(made)


def test_export_denormalize_alone_takes_statistics_as_inputs():
    into, back = RevIN(3).pair()
    with torch.no_grad():
        z, stats = into(past(4))
        other, others = into(past(4, level=-522.0))
    program = torch.export.export(back, (z, stats))
    torch.testing.assert_close(program.module()(other, others), back(other, others))
