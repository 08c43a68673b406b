"""Robust: median and interquartile range."""

import torch
from torch import Tensor

from revin_forecast.normalizers.affine import LocationScaleNormalizer
from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.statistics import (
    LocationScale,
    guard_zero_scale,
    last_observed_values,
    observed_median,
    observed_quantiles,
)
from revin_forecast.utils.shapes import Observed, Past

NORMAL_IQR = 1.3489795003921634
"""Interquartile range of a standard normal: the scale of normal data is their deviation."""

MAD_TO_DEVIATION = 1.482602218505602
"""Standard deviation of a normal distribution divided by its median absolute deviation."""


class Robust(LocationScaleNormalizer):
    """Median and interquartile range: outliers move neither location nor scale.

    z = (x - median) / (IQR / 1.349). Where more than half of a window has one value and the
    quartiles coincide, the scale is 1.4826 times the median absolute deviation; where that is 0
    too, the standard deviation about the median; for a constant window, 1. The outlier itself still
    reaches the backbone, as a large z.
    """

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of level and of scale."""
        return frozenset({"shift", "scale"})

    def statistics(self, past: Past, observed: Observed | None) -> LocationScale:
        """Return the median, and the first scale that is not 0."""
        past = past.detach()
        anchor = last_observed_values(past, observed)
        centred = past - anchor
        low, median, high = observed_quantiles(centred, observed, [0.25, 0.5, 0.75])
        distance = (centred - median).abs()
        absolute = observed_median(distance, observed) * MAD_TO_DEVIATION
        scale = (high - low) / NORMAL_IQR
        for fallback in (absolute, _root_mean_square(distance, observed)):
            scale = torch.where(scale > 0, scale, fallback)
        return LocationScale(anchor, median, guard_zero_scale(scale))


def _root_mean_square(distance: Tensor, observed: Tensor | None) -> Tensor:
    if observed is None:
        return distance.square().mean(dim=1, keepdim=True).sqrt()
    count = observed.sum(dim=1, keepdim=True).clamp(min=1)
    squares = torch.where(observed, distance, 0).square()
    return (squares.sum(dim=1, keepdim=True) / count).sqrt()
