"""LogMean: logarithms without their mean, for positive amounts."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from revin_forecast.normalizers.base import Equivariance, Normalizer, ValueKind
from revin_forecast.normalizers.statistics import check_observed
from revin_forecast.utils.shapes import Future, Observed, Past

MAX_LOG_GROWTH = math.log(1000)
"""A forecast exceeds the window's largest value at most by this factor."""


class LogLevel(NamedTuple):
    """Statistics of windows on logarithms."""

    mean: Float[Tensor, "batch 1 channels"]
    """Mean logarithm of the window's amounts."""
    highest: Float[Tensor, "batch 1 channels"]
    """Largest logarithm less the mean."""


class LogMean(Normalizer[LogLevel]):
    """Subtract the mean of the logarithms: z = ln(x - zero) - mean of ln(x - zero).

    A backbone then forecasts growth rates, and the way back, exp, keeps the forecast of positive
    amounts positive (Box & Cox, 1964, with power 0). The median of the forecast distribution is
    mapped to the median: there is no bias term. Values at or below `zero` have no logarithm and
    count as unobserved.

    Args:
        channels: channels of the look-back window.
        targets: channels that the backbone forecasts; None means all.

    `zero` (channels,) is the value that stands for 0; a standardized window has another one than 0.
    """

    zero: Tensor

    def __init__(self, channels: int, targets: Sequence[int] | None = None):
        super().__init__(channels, targets)
        self.register_buffer("zero", torch.zeros(channels, dtype=torch.float64))

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of scale, which changes `zero` in proportion."""
        return frozenset({"scale"})

    @property
    def is_invertible(self) -> bool:
        """No: values at or below zero come back as the mean."""
        return False

    @property
    def maps_scales(self) -> bool:
        """No: the image of a spread depends on its level."""
        return False

    def normalize(self, past: Past, observed: Observed | None = None) -> tuple[Past, LogLevel]:
        """Map windows to the common scale; see `Normalizer.normalize`."""
        self._check_past(past)
        check_observed(past, observed)
        # In float64: amounts much smaller than `zero` would lose their digits.
        amounts = past.double() - self.zero
        known = amounts.isfinite() & (amounts > 0)
        known = known if observed is None else known & observed
        logs = torch.where(known, amounts, 1).log()
        mean = logs.sum(1, keepdim=True) / known.sum(1, keepdim=True).clamp(min=1)
        z = torch.where(known, logs - mean, 0)
        return z.to(past.dtype), LogLevel(mean, z.amax(1, keepdim=True))

    def denormalize(self, future: Future, stats: LogLevel, kind: ValueKind = "location") -> Future:
        """Map a forecast back; see `Normalizer.denormalize`.

        Raises:
            ValueError: kind "scale" or "variance".
        """
        if kind in ("scale", "variance"):
            raise ValueError(
                f"LogMean can't map a {kind}: its image depends on the level. Map quantiles or "
                "samples instead."
            )
        stats = self._restore_statistics(stats)
        self._check_future(future, stats.mean.shape[0], kind)
        zero, mean, highest = (
            self._select_targets(part, future.ndim) for part in (self.zero.view(1, 1, -1), *stats)
        )
        z = future.double().minimum(highest + MAX_LOG_GROWTH)
        dtype = torch.promote_types(future.dtype, torch.float32)
        return ((z + mean).exp() + zero).to(dtype)

    def normalize_future(self, future: Future, stats: LogLevel) -> Future:
        """Map values of the horizon to the common scale; see `Normalizer.normalize_future`."""
        stats = self._restore_statistics(stats)
        zero, mean, _ = (
            self._select_targets(part, future.ndim) for part in (self.zero.view(1, 1, -1), *stats)
        )
        amounts = future.double() - zero
        logs = torch.where(amounts > 0, amounts, torch.nan).log() - mean
        return logs.to(future.dtype)

    def _select_targets(self, statistic: Tensor, ndim: int) -> Tensor:
        """Return a statistic of the targets, with trailing axes for levels or samples."""
        if self.target_index is not None:
            statistic = statistic.index_select(2, self.target_index)
        return statistic.reshape(*statistic.shape, *[1] * (ndim - 3))
