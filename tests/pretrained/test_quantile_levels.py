"""Quantiles at any levels are interpolated on the scale of a normal."""

from statistics import NormalDist

import pytest
import torch

from revin_forecast.pretrained.network import LEVELS
from revin_forecast.pretrained.quantile_levels import TAIL_GROWTH, interpolate_levels


def test_known_levels_are_kept_and_a_normal_stays_normal():
    assert interpolate_levels(LEVELS, LEVELS).equal(torch.eye(len(LEVELS)))
    normal = torch.tensor([NormalDist().inv_cdf(level) for level in LEVELS])
    wanted = [0.001, 0.03, 0.2, 0.5, 0.6, 0.97, 0.999]
    expected = torch.tensor([NormalDist().inv_cdf(level) for level in wanted])
    found = normal @ interpolate_levels(LEVELS, wanted)
    torch.testing.assert_close(found[1:-1], expected[1:-1], rtol=1e-5, atol=1e-6)
    tail = TAIL_GROWTH * (expected[-1] - normal[-1])
    torch.testing.assert_close(found[[0, -1]].abs(), (normal[-1] + tail).expand(2))


def test_quantiles_ascend_between_and_beyond():
    known = torch.rand(20, len(LEVELS), generator=torch.Generator().manual_seed(0)).cumsum(1)
    wanted = [part / 200 for part in range(1, 200)]
    assert (known @ interpolate_levels(LEVELS, wanted)).diff(dim=1).min() > 0


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1])
def test_levels_are_checked(level):
    with pytest.raises(ValueError, match=rf"lie between 0 and 1 but got {level}\. Pass 0\.1 or"):
        interpolate_levels(LEVELS, [0.5, level])
