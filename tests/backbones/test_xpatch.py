"""xPatch where it differs from the authors' code; equal cases are among the fixtures."""

import pytest
import torch

from revin_forecast.backbones import XPatch
from revin_forecast.backbones.xpatch import _smooth_exponentially
from revin_forecast.checks.samples import perturb


@pytest.mark.parametrize("alpha", [0.01, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 37, 700])
def test_the_trend_is_the_exponential_average(alpha, steps):
    series = torch.randn(3, steps, dtype=torch.float64)
    averages = [series[:, 0]]
    for step in range(1, steps):
        averages.append(alpha * series[:, step] + (1 - alpha) * averages[-1])
    trend = _smooth_exponentially(series, alpha)
    torch.testing.assert_close(trend, torch.stack(averages, dim=1), rtol=0, atol=1e-13)


def test_the_trend_is_precise_in_float32_at_a_high_level():
    series = torch.randn(2, 300, dtype=torch.float64)
    exact = _smooth_exponentially(series + 1e4, 0.3)
    assert (_smooth_exponentially(series.float() + 1e4, 0.3) - exact).abs().max() < 2e-3


@pytest.mark.parametrize("horizon", [1, 2, 3, 9])
def test_every_unit_of_the_trend_reaches_a_short_or_odd_horizon(horizon):
    model = perturb(XPatch(24, horizon, 2, patch=8)).double()
    model(torch.randn(6, 24, 2, dtype=torch.float64)).square().mean().backward()
    for layer in model.trend.maps:
        assert (layer.weight.grad.abs().amax(1) > 1e-9).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"patch": 7},
            r"XPatch needs an even patch within its look-back of 20 but got 7\. Pass patch=16",
        ),
        ({"patch": 22}, r"XPatch needs an even patch within its look-back of 20 but got 22\."),
        ({"alpha": 0.0}, r"XPatch needs an alpha in \(0, 1\] but got 0\.0\. Pass 0\.3\."),
        ({"alpha": 1.1}, r"XPatch needs an alpha in \(0, 1\] but got 1\.1\. Pass 0\.3\."),
    ],
)
def test_wrong_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        XPatch(20, 4, 1, **parameters)


def test_a_look_back_below_a_patch_is_refused_with_one_that_fits():
    with pytest.raises(ValueError, match=r"look-back of 7 but got 16\. Pass patch=6\."):
        XPatch(7, 4, 1)
    assert XPatch(7, 4, 1, patch=6)(torch.randn(2, 7, 1)).shape == (2, 4, 1)
    with pytest.raises(ValueError, match="XPatch needs a look-back of 2 steps or more but got 1"):
        XPatch(1, 4, 1)
    assert XPatch(2, 4, 1, patch=2)(torch.randn(2, 2, 1)).shape == (2, 4, 1)
