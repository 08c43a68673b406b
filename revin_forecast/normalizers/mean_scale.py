"""MeanScale: divide by the mean absolute value."""

import torch
from torch import Tensor

from revin_forecast.normalizers.affine import LocationScaleNormalizer
from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.statistics import LocationScale, guard_zero_scale, observed_count
from revin_forecast.utils.shapes import Observed, Past


class MeanScale(LocationScaleNormalizer):
    """Divide by the mean absolute value: `z = x / mean |x|` (DeepAR; Salinas et al., 2020).

    For data with a natural zero, such as counts. A window of zeros gets scale 1; other
    implementations use the batch's mean scale, which makes windows depend on each other.
    """

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of scale."""
        return frozenset({"scale"})

    def statistics(self, past: Past, observed: Observed | None) -> LocationScale:
        """Return location 0, and the mean absolute observed value as the scale."""
        size = past.detach().abs()
        size = size if observed is None else torch.where(observed, size, 0)
        mean = size.sum(dim=1, keepdim=True) / observed_count(past, observed)
        zero = torch.zeros_like(mean)
        return LocationScale(zero, zero, guard_zero_scale(mean))

    def location_weights(self, lookback: int) -> Tensor:
        """Return zeros: the location is 0."""
        return torch.zeros(lookback, dtype=torch.float64)
