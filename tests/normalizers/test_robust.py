"""Robust with the median absolute deviation, and its affine map."""

import numpy as np
import pytest
import torch

from revin_forecast import Linear, Reversible, Robust
from revin_forecast.checks.samples import perturb


def test_median_and_mad_with_an_affine_map():
    past = np.random.default_rng(0).standard_t(2, size=(4, 15, 3)) * 3 + 20
    layer = perturb(Robust(3, spread="mad", affine=True).double())
    weight, bias = layer.affine_weight.detach().numpy(), layer.affine_bias.detach().numpy()
    median = np.median(past, axis=1, keepdims=True)
    scale = 1.482602218505602 * np.median(np.abs(past - median), axis=1, keepdims=True)
    z, stats = layer.normalize(torch.from_numpy(past))
    np.testing.assert_allclose(z.detach(), (past - median) / scale * weight + bias, atol=1e-12)
    future = np.random.default_rng(1).normal(size=(4, 5, 3))
    back = layer.denormalize(torch.from_numpy(future), stats)
    np.testing.assert_allclose(back.detach(), (future - bias) / weight * scale + median, atol=1e-9)


def test_both_spreads_are_the_deviation_of_normal_data():
    past = torch.randn(1, 200_000, 1, generator=torch.Generator().manual_seed(0)) * 3
    for spread in ("iqr", "mad"):
        scale = Robust(1, spread=spread).statistics(past, None).scale
        assert scale.item() == pytest.approx(3, rel=0.01)


def test_a_mad_of_zero_falls_back_to_the_deviation():
    mostly = torch.tensor([5.0] * 9 + [6.0, 30.0], dtype=torch.float64).reshape(1, -1, 1)
    layer = Robust(1, spread="mad")
    deviation = (mostly - 5).square().mean().sqrt().item()
    assert layer.statistics(mostly, None).scale.item() == pytest.approx(deviation)
    assert layer.statistics(torch.full_like(mostly, 5.0), None).scale.item() == 1.0


def test_one_outlier_moves_the_forecast_of_the_mad_less():
    past = torch.randn(1, 96, 1, generator=torch.Generator().manual_seed(0))
    spoiled = past.clone()
    spoiled[0, 40] = 1e6
    layer = Robust(1, spread="mad")
    before, after = (layer.statistics(values, None) for values in (past, spoiled))
    assert (after.location - before.location).abs().item() < 0.1
    assert after.scale.item() == pytest.approx(before.scale.item(), rel=0.1)


def test_the_affine_map_is_trained():
    model = Reversible(Linear(8, 2, 3), Robust(3, affine=True))
    model(torch.randn(4, 8, 3)).square().sum().backward()
    assert model.normalizer.affine_weight.grad.abs().min() > 0
    assert list(Robust(3).parameters()) == []


@pytest.mark.usefixtures("plain_shapes")
def test_an_unknown_spread_is_refused():
    with pytest.raises(ValueError, match=r'needs the spread "iqr" or "mad" but got \'std\''):
        Robust(1, spread="std")


def test_options_are_shown():
    assert repr(Robust(1)) == "Robust(1, spread='iqr')"
    assert repr(Robust(1, spread="mad", affine=True)) == "Robust(1, spread='mad', affine=True)"
