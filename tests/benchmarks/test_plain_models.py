"""The backbones compute what research code writes, only faster."""

import pytest
import torch

from benchmarks.speed.plain_models import build_plain_twin
from revin_forecast.backbones import (
    InvertedTransformer,
    ModernTCN,
    PatchTST,
    TimeMixer,
    TSMixer,
    XPatch,
)
from revin_forecast.backbones.layers import Dropout

WIDE = {"width": 16, "dropout": 0.0}
KINDS = [(PatchTST, WIDE), (InvertedTransformer, WIDE), (TSMixer, WIDE), (TimeMixer, WIDE)]
KINDS += [(XPatch, {"patch": 8}), (ModernTCN, {**WIDE, "blocks": 2, "expansion": 2})]


@pytest.mark.parametrize(("kind", "parameters"), KINDS)
@pytest.mark.parametrize("training", [True, False])
def test_forecasts_and_gradients_are_those_of_the_plain_version(kind, parameters, training):
    torch.manual_seed(0)
    model = kind(41, 8, 3, **parameters).double().train(training)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    plain = build_plain_twin(model)
    past = torch.randn(6, 41, 3, dtype=torch.float64, requires_grad=True)
    found, wanted = model(past), plain(past)
    assert torch.allclose(found, wanted, rtol=0, atol=1e-10)
    slopes = [
        torch.autograd.grad((forecast * forecast.detach()).sum(), past, retain_graph=True)[0]
        for forecast in (found, wanted)
    ]
    assert slopes[1].abs().max() > 1e-3
    assert torch.allclose(*slopes, rtol=0, atol=1e-10)
    single = model.float()
    found, wanted = single(past.detach().float()), build_plain_twin(single)(past.detach().float())
    assert torch.allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_dropped_values_are_added_as_they_would_be_alone():
    torch.manual_seed(3)
    dropout, base, values = Dropout(0.3), torch.randn(50, 40), torch.randn(50, 40)
    values.requires_grad_()
    torch.manual_seed(5)
    alone = base + dropout(values)
    torch.manual_seed(5)
    added = dropout.add(base, values)
    assert torch.allclose(added, alone, atol=1e-6)
    assert 0.2 < (added == base).float().mean() < 0.4
    slopes = [torch.autograd.grad(one.sum(), values)[0] for one in (added, alone)]
    assert torch.equal(*slopes)
    assert torch.equal(slopes[0] == 0, added.detach() == base)
    assert torch.equal(dropout.eval().add(base, values), base + values)
