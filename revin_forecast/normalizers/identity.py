"""Identity: no normalization."""

import torch
from torch import Tensor

from revin_forecast.normalizers.affine import LocationScaleNormalizer
from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.statistics import LocationScale
from revin_forecast.utils.shapes import Observed, Past


class Identity(LocationScaleNormalizer):
    """Leave the data unchanged: the baseline of every claim about normalization.

    Unobserved values become 0, the training mean of standardized data.
    """

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """Empty: equivariance depends on the backbone alone."""
        return frozenset()

    @property
    def has_unit_scale(self) -> bool:
        """Yes."""
        return True

    def statistics(self, past: Past, observed: Observed | None) -> LocationScale:
        """Return location 0 and scale 1 for every window."""
        zero = past.new_zeros((past.shape[0], 1, past.shape[2]))
        return LocationScale(zero, zero, zero + 1)

    def location_weights(self, lookback: int) -> Tensor:
        """Return zeros: the location is 0."""
        return torch.zeros(lookback, dtype=torch.float64)
