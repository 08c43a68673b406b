"""EMA: exponentially weighted mean and deviation."""

from collections.abc import Sequence

import torch
from torch import Tensor

from revin_forecast.normalizers.affine import LocationScaleNormalizer
from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.statistics import (
    LocationScale,
    guard_zero_scale,
    last_observed_values,
)
from revin_forecast.utils.shapes import Observed, Past


class EMA(LocationScaleNormalizer):
    """Exponentially weighted mean and deviation: recent values count more.

    location = sum w_t x_t / sum w_t and scale^2 = sum w_t (x_t - location)^2 / sum w_t over
    observed values, w_t = 2^(-age / half_life), where the last step has age 0. A large half-life
    approaches RevIN without affine map, a small one `LastValue` with a scale.

    Args:
        channels: channels of the look-back window.
        half_life: steps after which a value counts half.
        targets: channels that the backbone forecasts; None means all.
    """

    def __init__(
        self, channels: int, half_life: float = 24.0, targets: Sequence[int] | None = None
    ):
        super().__init__(channels, targets)
        if not half_life > 0:
            raise ValueError(f"EMA needs a half_life > 0 steps but got {half_life}.")
        self.half_life = float(half_life)

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of level and of scale."""
        return frozenset({"shift", "scale"})

    def statistics(self, past: Past, observed: Observed | None) -> LocationScale:
        """Return the weighted mean and deviation of the observed values."""
        past = past.detach()
        anchor = last_observed_values(past, observed)
        centred = past - anchor
        weights = self._decay_weights(past.shape[1], past).reshape(1, -1, 1).expand_as(past)
        if observed is not None:
            centred = torch.where(observed, centred, 0)
            weights = torch.where(observed, weights, 0)
        # Weights of old values may underflow; without observed values they sum to 0.
        total = guard_zero_scale(weights.sum(dim=1, keepdim=True))
        mean = (weights * centred).sum(dim=1, keepdim=True) / total
        squares = weights * (centred - mean).square()
        variance = squares.sum(dim=1, keepdim=True) / total
        return LocationScale(anchor, mean, guard_zero_scale(variance).sqrt())

    def location_weights(self, lookback: int) -> Tensor:
        """Return the weights, which sum to 1."""
        weights = self._decay_weights(lookback, torch.zeros((), dtype=torch.float64))
        return weights / weights.sum()

    def extra_repr(self) -> str:
        """Show the half-life as well."""
        return f"{super().extra_repr()}, half_life={self.half_life}"

    def _decay_weights(self, lookback: int, like: Tensor) -> Tensor:
        age = torch.arange(lookback - 1, -1, -1, dtype=like.dtype, device=like.device)
        return torch.exp2(-age / self.half_life)
