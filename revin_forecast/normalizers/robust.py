"""Robust: median and interquartile range, or median absolute deviation."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from revin_forecast.normalizers.affine import LocationScaleNormalizer
from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.statistics import (
    LocationScale,
    guard_zero_scale,
    last_observed_values,
    observed_median,
    observed_quantiles,
)
from revin_forecast.normalizers.weight_bound import bound_away_from_zero
from revin_forecast.utils.shapes import Observed, Past

NORMAL_IQR = 1.3489795003921634
"""Interquartile range of a standard normal: the scale of normal data is their deviation."""

MAD_TO_DEVIATION = 1.482602218505602
"""Standard deviation of a normal distribution divided by its median absolute deviation."""


SpreadName = Literal["iqr", "mad"]


class Robust(LocationScaleNormalizer):
    """Median and a robust spread: outliers move neither location nor scale.

    z = w (x - median) / (IQR / 1.349) + b, or with `spread="mad"` z = w (x - median) / (1.4826
    MAD) + b, where MAD is the median of `|x - median|`. Where more than half of a window has one
    value and the quartiles coincide, the scale is that of the MAD; where that is 0 too, the
    standard deviation about the median; for a constant window, 1. The outlier itself still reaches
    the backbone, as a large z. By default w = 1 and b = 0.

    `Robust(channels, spread="mad", affine=True)` is R2-IN, RevIN with median and MAD (Fu and Yang,
    arXiv 2510.04667, 2025); no public code was found. Both spreads are multiplied by the factor
    that makes them the deviation of normal data; `w` can undo it.

    Args:
        channels: channels of the look-back window.
        spread: "iqr", the interquartile range, or "mad", the median absolute deviation.
        affine: learn w and b per channel, for both directions, as in `RevIN`.
        targets: channels that the backbone forecasts; None means all.

    Raises:
        ValueError: an unknown spread.
    """

    affine_weight: nn.Parameter | None
    affine_bias: nn.Parameter | None

    def __init__(
        self,
        channels: int,
        spread: SpreadName = "iqr",
        affine: bool = False,
        targets: Sequence[int] | None = None,
    ):
        super().__init__(channels, targets)
        if spread not in ("iqr", "mad"):
            raise ValueError(f'Robust needs the spread "iqr" or "mad" but got {spread!r}.')
        self.spread: SpreadName = spread
        self.affine_weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.affine_bias = nn.Parameter(torch.zeros(channels)) if affine else None

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of level and of scale."""
        return frozenset({"shift", "scale"})

    def affine_parameters(self, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """Return the weight, bounded away from zero, and the bias; None without affine map."""
        if self.affine_weight is None or self.affine_bias is None:
            return None
        return bound_away_from_zero(self.affine_weight.to(dtype)), self.affine_bias.to(dtype)

    def statistics(self, past: Past, observed: Observed | None) -> LocationScale:
        """Return the median, and the first scale that is not 0."""
        past = past.detach()
        anchor = last_observed_values(past, observed)
        centred = past - anchor
        low, median, high = observed_quantiles(centred, observed, [0.25, 0.5, 0.75])
        distance = (centred - median).abs()
        scale = observed_median(distance, observed) * MAD_TO_DEVIATION
        if self.spread == "iqr":
            scale = torch.where(high > low, (high - low) / NORMAL_IQR, scale)
        scale = torch.where(scale > 0, scale, _root_mean_square(distance, observed))
        return LocationScale(anchor, median, guard_zero_scale(scale))

    def extra_repr(self) -> str:
        """Show the spread, and the affine map if there is one."""
        affine = "" if self.affine_weight is None else ", affine=True"
        return f"{super().extra_repr()}, spread={self.spread!r}{affine}"


def _root_mean_square(distance: Tensor, observed: Tensor | None) -> Tensor:
    if observed is None:
        return distance.square().mean(dim=1, keepdim=True).sqrt()
    count = observed.sum(dim=1, keepdim=True).clamp(min=1)
    squares = torch.where(observed, distance, 0).square()
    return (squares.sum(dim=1, keepdim=True) / count).sqrt()
