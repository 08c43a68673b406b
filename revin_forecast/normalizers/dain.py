"""DAIN: deep adaptive input normalization, made reversible."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from revin_forecast.normalizers.affine import AffineNormalizer
from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.learned import FullPrecisionLinear
from revin_forecast.normalizers.statistics import (
    LocationScale,
    centre_windows,
    guard_zero_scale,
)
from revin_forecast.normalizers.weight_bound import MIN_GAIN
from revin_forecast.utils.shapes import Observed, Past

LEARNING_RATE_FACTORS = {"mean_map": 0.01, "scale_map": 1.0, "gate.weight": 1.0, "gate.bias": 1.0}
"""Learning rates relative to the backbone's. The authors' rates also differ by orders of magnitude,
the mean's being the lowest; their absolute values belong to one data set and optimizer."""


class DAIN(AffineNormalizer[LocationScale]):
    """Deep adaptive input normalization, made reversible (Passalis et al., TNNLS 2020).

    Three learned layers across channels: location A mean(x), scale B rms(x - location), and a
    gate sigmoid(C mean(z) + d) that weakens channels. A and B start as the identity and are stored
    as their difference from it. The way back, which the paper omits, undoes the gate, the scale and
    the location: y = z / gate * scale + location.

    A scale below a hundredth of the channel's root mean square is raised to it, and a gate below
    0.01 to 0.01, so that nothing is amplified without bound.

    Args:
        channels: channels of the look-back window.
        targets: channels that the backbone forecasts; None means all.
    """

    def __init__(self, channels: int, targets: Sequence[int] | None = None):
        super().__init__(channels, targets)
        self.mean_map = nn.Parameter(torch.zeros(channels, channels))
        self.scale_map = nn.Parameter(torch.zeros(channels, channels))
        self.gate = FullPrecisionLinear(channels, channels)

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A scale common to all channels: the learned maps mix them."""
        return frozenset({"common scale"})

    @property
    def mixes_channels(self) -> bool:
        """Yes, in all three layers."""
        return True

    def learning_rate(self, name: str, base: float) -> float:
        """Return the layer's rate: the location map learns at a hundredth of `base`."""
        return base * LEARNING_RATE_FACTORS.get(name, 1.0)

    def normalize(self, past: Past, observed: Observed | None = None) -> tuple[Past, LocationScale]:
        """Map windows to the common scale; see `Normalizer.normalize`."""
        self._check_past(past)
        values, anchor, mean, observed, count = centre_windows(past, observed)
        residual = mean + _mix_channels(mean + anchor, self.mean_map)
        values = torch.where(observed, values - residual, 0)
        root = _safe_sqrt(values.square().sum(dim=1, keepdim=True) / count)
        scale = guard_zero_scale(
            torch.maximum(root + _mix_channels(root, self.scale_map), root / 100)
        )
        z = values / scale
        gate = self.gate(z.sum(dim=1, keepdim=True) / count).sigmoid().clamp(min=MIN_GAIN)
        z = z * gate
        return z.to(past.dtype), LocationScale(anchor, residual, scale / gate)

    def future_statistics(self, stats: LocationScale) -> LocationScale:
        """Return the learned location, and the scale divided by the gate."""
        return stats


def _mix_channels(statistic: Tensor, weight: Tensor) -> Tensor:
    # A sum of products, because autocast would take a matrix product to half precision.
    return (statistic.unsqueeze(-2) * weight.to(statistic.dtype)).sum(-1)


def _safe_sqrt(square: Tensor) -> Tensor:
    """Return the square root, with gradient 0 at 0."""
    return torch.where(square > 0, guard_zero_scale(square).sqrt(), 0)
