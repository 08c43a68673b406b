"""The seasonal index of many series at once: the mean course of a season, shrunk by its noise."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from revin_forecast.pretrained.gaps import Extent, Observed, Values
from revin_forecast.pretrained.roots import take_root

CYCLE_DECAY = 0.85
"""Weight of a season relative to the next one."""
MIN_SEASONS = 2
"""Seasons of rows below which a series has no season."""


class SeasonalIndex(NamedTuple):
    """The seasonal part of each series."""

    course: Float[Tensor, "series season"]
    """Deviation from the trend at each phase; the last row has the last phase. Its mean is 0."""
    share: Float[Tensor, " series"]
    """Share of the raw index that was kept: 1 without noise, 0 without a season."""
    noise: Float[Tensor, " series"]
    """Standard deviation of a row around trend and season; 0 without a season."""

    def repeat_to(self, rows: int) -> Values:
        """Return the index at the last `rows` rows."""
        cycles = -(-rows // self.course.shape[1])
        return self.course.repeat(1, cycles)[:, cycles * self.course.shape[1] - rows :]


def estimate_seasonal_index(
    filled: Values, observed: Observed, extent: Extent, season: int
) -> SeasonalIndex:
    """Estimate the index by classical decomposition, and shrink it towards 0.

    The deviations d of the rows from a centred moving average over one season are averaged at each
    phase with the weights .85^age, the age in seasons. The mean over phases is subtracted, and the
    rest is multiplied by max(0, 1 - V / B): B is its mean square, V the variance that noise alone
    gives it (James & Stein, 1961).

    Args:
        filled: rows without gaps.
        observed: True where measured; only these rows count.
        extent: rows of each series; less than two seasons have the index 0.
        season: steps in a season; 1: the index is 0.
    """
    if season == 1:
        zero = filled.new_zeros(filled.shape[0])
        return SeasonalIndex(zero.unsqueeze(1), zero, zero)
    cycles = -(-filled.shape[1] // season)
    missing = cycles * season - filled.shape[1]
    has_season = extent.length >= MIN_SEASONS * season
    deviation, counts = _deviate_from_trend(filled, observed & extent.valid, extent, season)
    shape = (-1, cycles, season)
    deviation, counts = (
        functional.pad(part, (missing, 0)).reshape(shape) for part in (deviation, counts)
    )
    age = torch.arange(cycles - 1, -1, -1, device=filled.device, dtype=filled.dtype)
    weights = counts * (CYCLE_DECAY**age).unsqueeze(1)
    total = weights.sum(1)
    raw = (weights * deviation).sum(1) / torch.where(total > 0, total, 1)
    phase_known = (total > 0).to(filled)
    phases = phase_known.sum(1, keepdim=True).clamp(min=1)
    raw = (raw - (raw * phase_known).sum(1, keepdim=True) / phases) * phase_known
    variance = _estimate_noise(filled, observed, extent, season, (deviation - raw[:, None]), counts)
    # Variance of a weighted mean of rows with equal variances.
    spread = weights.square().sum(1) / torch.where(total > 0, total.square(), 1)
    noise = variance * (spread * phase_known).sum(1) / phases.squeeze(1)
    between = raw.square().sum(1) / phases.squeeze(1)
    share = (1 - noise / torch.where(between > 0, between, 1)).clamp(0, 1)
    share = share * (has_season & (between > 0)).to(filled)
    noise = take_root(variance) * has_season.to(filled)
    return SeasonalIndex(raw * share.unsqueeze(1), share, noise)


def _deviate_from_trend(
    filled: Values, known: Observed, extent: Extent, season: int
) -> tuple[Values, Values]:
    """Return the rows less their centred moving average, and 1 where that is known, else 0."""
    half = season // 2
    sums = functional.pad(filled.cumsum(1), (1, 0))
    window = sums[:, season:] - sums[:, :-season]
    if season % 2 == 0:
        # An even season has no middle row: the mean of the two windows around it.
        window = (window[:, 1:] + window[:, :-1]) / 2
    average = functional.pad(window / season, (half, half))
    inside = torch.zeros_like(known)
    inside[:, half : filled.shape[1] - half] = True
    # The window of a row begins after the first row of the series.
    begins = functional.pad(extent.valid[:, : filled.shape[1] - half], (half, 0))
    counts = (known & inside & begins).to(filled)
    return (filled - average) * counts, counts


def _estimate_noise(
    filled: Values,
    observed: Observed,
    extent: Extent,
    season: int,
    residual: Float[Tensor, "series cycles season"],
    counts: Float[Tensor, "series cycles season"],
) -> Float[Tensor, " series"]:
    """Return the variance of a row around trend and season.

    Two seasons leave one deviation for each phase and no degree of freedom. So half a season's
    worth of seasonal differences joins: half their mean square, less their mean, has the same
    expectation if the level stays.
    """
    squares = (residual.square() * counts).sum((1, 2))
    freedom = (counts.sum((1, 2)) - (counts.sum(1) > 0).sum(1)).clamp(min=0)
    both = (observed & extent.valid)[:, season:] & (observed & extent.valid)[:, :-season]
    pairs = both.to(filled)
    difference = (filled[:, season:] - filled[:, :-season]) * pairs
    number = pairs.sum(1).clamp(min=1)
    mean = difference.sum(1) / number
    change = ((difference - mean.unsqueeze(1)).square() * pairs).sum(1) / number / 2
    weight = season / 2
    return (squares + weight * change) / (freedom + weight)
