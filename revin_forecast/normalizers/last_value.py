"""LastValue: subtract the last observed value."""

import torch
from torch import Tensor

from revin_forecast.normalizers.affine import LocationScaleNormalizer
from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.statistics import LocationScale, last_observed_values
from revin_forecast.utils.shapes import Observed, Past


class LastValue(LocationScaleNormalizer):
    """Subtract the last observed value, z = x - x_L: the N of NLinear (Zeng et al., AAAI 2023).

    The last value is a constant to the gradient, as in the paper's code. There is no scale: a
    forecast follows a change of level exactly, a change of scale only as far as the backbone does.
    """

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of level."""
        return frozenset({"shift"})

    @property
    def has_unit_scale(self) -> bool:
        """Yes."""
        return True

    def statistics(self, past: Past, observed: Observed | None) -> LocationScale:
        """Return the last observed value as the location, and scale 1."""
        anchor = last_observed_values(past.detach(), observed)
        zero = torch.zeros_like(anchor)
        return LocationScale(anchor, zero, zero + 1)

    def location_weights(self, lookback: int) -> Tensor:
        """Return the last unit vector."""
        weights = torch.zeros(lookback, dtype=torch.float64)
        weights[-1] = 1
        return weights
