"""Conformal prediction intervals, whose width is proportional to the variation of the window.

A calibration window's score is its residual divided by the window's own scale. A forecast's
quantile is the forecast plus a quantile of the scores times the scale of its window: where the data
vary a hundred times as much, the interval is a hundred times as wide (split conformal prediction
with normalized scores: Papadopoulos et al., ECML 2002; Lei et al., JASA 2018). Calibrate with the
forecasts of a model that was not fitted on those windows.
"""

# pyright: reportMissingTypeStubs=false
# scipy has no annotations.

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from revin_forecast.errors import InputError
from revin_forecast.utils.shapes import Past

Array: TypeAlias = npt.NDArray[np.floating]
Mask: TypeAlias = npt.NDArray[np.bool_]

# The grid is dense in the tails, where high interval levels are, and symmetric about 0.5.
_TAIL = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025)
_LOWER = (*_TAIL, *(step / 20 for step in range(1, 10)))
QUANTILE_GRID = np.array([*_LOWER, 0.5, *(1 - level for level in reversed(_LOWER))])
"""Quantile levels whose scores are stored; others are interpolated on the normal quantile scale."""
CHANNEL_SHRINKAGE_WINDOWS = 400
"""Number of windows at which a channel's own quantiles weigh as much as the pooled shape."""
SKEW_SHRINKAGE_WINDOWS = 40
"""Number of non-overlapping windows at which the scores' own skew weighs as much as symmetry."""
MIN_SCALE = 0.01
"""Minimum scale in training deviations: a constant window does not make the future certain."""
MIN_RECENT_STEPS = 8
"""Minimum number of rows for an estimate of the recent variation."""


def window_scale(past: Past) -> Float[Tensor, "batch channels"]:
    """Return how much each window varies, in the units of its values, at least `MIN_SCALE`.

    The mean of two standard deviations of the observed values, over the look-back and over its last
    quarter, so that recent changes count twice. It is equivariant: a times as large for a times the
    values, the same for values + b. Windows with hardly any observed value give no estimate and
    have a scale of at least one training deviation.

    Args:
        past: standardized, NaN where unobserved.

    >>> window_scale(torch.tensor([[[0.0], [2.0]], [[5.0], [5.0]], [[torch.nan], [torch.nan]]]))
    tensor([[1.0000],
            [0.0100],
            [1.0000]])
    """
    past = past.to(torch.promote_types(past.dtype, torch.float32))
    overall, count = _observed_deviation(past)
    recent, recent_count = _observed_deviation(past[:, -_recent_steps(past.shape[1]) :])
    scale = ((overall + torch.where(recent_count > 1, recent, overall)) / 2).clamp(min=MIN_SCALE)
    is_sparse = count < min(MIN_RECENT_STEPS, (past.shape[1] + 1) // 2)
    return torch.where(is_sparse, scale.clamp(min=1), scale)


def recent_gap_share(past: Past) -> Float[Tensor, "batch channels"]:
    """Return the share of each window's last quarter that follows its last observed value.

    >>> recent_gap_share(torch.tensor([[[1.0], [2.0]], [[1.0], [torch.nan]], [[torch.nan]] * 2]))
    tensor([[0.0000],
            [0.5000],
            [1.0000]])
    """
    recent = past[:, -_recent_steps(past.shape[1]) :]
    steps = torch.arange(1, recent.shape[1] + 1, device=past.device).reshape(1, -1, 1)
    return 1 - (recent.isfinite() * steps).amax(1) / recent.shape[1]


def interval_quantiles(level: int | float) -> tuple[float, float]:
    """Return the levels of the two quantiles that bound a central interval.

    Args:
        level: percentage of truths inside the interval.

    Raises:
        InputError: not a percentage from 1 to below 100; the message explains shares such as 0.8.

    >>> interval_quantiles(80)
    (0.1, 0.9)
    """
    if 0 < level < 1:
        raise InputError(f"a level is in percent but got {level:g}; pass {100 * level:g}.")
    if not 1 <= level < 100:
        raise InputError(f"a level is in percent, from 1 to below 100, but got {level:g}; try 80.")
    low = round((100 - level) / 200, 9)
    return low, round(1 - low, 9)


@dataclass(frozen=True, eq=False)
class ConformalIntervals:
    """Conformal quantiles: scores from calibration windows, added to a forecast.

    Quantiles ascend with their level, and the point forecast is the quantile of level 0.5, so every
    interval contains it.
    """

    score_source: Array | Callable[[], Array]
    """The scores, or a function that computes them on first use: point forecasts need none."""

    @cached_property
    def scores(self) -> Array:
        """(grid, horizon, channels) float32: score at each level of `QUANTILE_GRID`.

        Infinite where there are too few calibration windows for the level.
        """
        return self.score_source() if callable(self.score_source) else self.score_source

    @classmethod
    def calibrate(
        cls, residuals: Array, scales: Array, stride: float = 1.0
    ) -> "ConformalIntervals":
        """Calibrate on windows that the model was not fitted on.

        A channel's quantile at a step is its spread there, the mean absolute score, times the
        pooled shape: a quantile of all scores divided by their spread, over steps and channels.
        With more windows, the channel's own quantile gets more weight. The quantile q of n scores
        is the ceil((n + 1) q)-th.

        Overlapping windows are dependent: n of them with origins `stride` apart count for step h as
        min(n, n * stride / h) independent ones. With few, the spread is uncertain, so quantiles are
        stretched by the ratio of Student's t to the normal, with as many degrees of freedom. The
        sign of the next error is uncertain as well, so with few windows the shape approaches that
        of absolute scores, the same above and below.

        Args:
            residuals: (windows, horizon, channels), truth - forecast, NaN where unobserved.
            scales: (windows, channels) > 0, `window_scale` of their look-backs.
            stride: steps from one window's origin to the next; 1 if they differ.

        Raises:
            InputError: no residual is observed.
        """
        scores = residuals / scales[:, None]
        observed = np.isfinite(scores)
        if not observed.any():
            raise InputError(
                "no value of the calibration windows was observed, so intervals can't be "
                "calibrated. Pass more rows, or leave --level out."
            )
        return cls(partial(_calibrate, scores, observed, stride))

    def quantiles(
        self,
        forecast: Float[Tensor, "batch horizon channels"],
        past: Past,
        levels: Sequence[float],
    ) -> Float[Tensor, "batch horizon channels levels"]:
        """Return quantiles of the truth, forecast + score * `window_scale`.

        Calibration windows have no long gap at their end. For a window with one, each quantile is
        at least as far from the forecast as that of a normal distribution whose deviation is
        `recent_gap_share` training deviations: a whole one if the last quarter is empty.

        Args:
            forecast: standardized point forecast.
            past: windows of the forecast, with its channels only; NaN where unobserved.
            levels: between 0 and 1.

        Raises:
            InputError: there are too few calibration windows for a level.
        """
        scores = torch.as_tensor(self._interpolate_scores(levels)).to(forecast)
        distance = scores * window_scale(past)[:, None, :, None].to(forecast)
        normal = torch.as_tensor(_normal_quantile(np.asarray(levels))).to(forecast)
        gap_distance = recent_gap_share(past)[:, None, :, None].to(forecast) * normal
        distance = torch.where(
            normal > 0, distance.maximum(gap_distance), distance.minimum(gap_distance)
        )
        return forecast.unsqueeze(-1) + distance

    def _interpolate_scores(self, levels: Sequence[float]) -> npt.NDArray[np.float32]:
        """Return the scores (horizon, channels, levels) at any levels."""
        is_finite = np.isfinite(self.scores).all((1, 2))
        grid = QUANTILE_GRID[is_finite]
        for level in levels:
            if not grid[0] - 1e-9 <= level <= grid[-1] + 1e-9:
                raise InputError(
                    f"an interval of {abs(200 * level - 100):.10g} % needs more calibration "
                    f"windows; with these --level goes up to {200 * grid[-1] - 100:.4g}. Pass a "
                    "lower level, or fit with more rows."
                )
        # Linear on the scale of normal quantiles, where the tails are nearly straight.
        z, scores = _normal_quantile(np.clip(levels, grid[0], grid[-1])), self.scores[is_finite]
        grid_z = _normal_quantile(grid)
        upper = np.clip(np.searchsorted(grid_z, z), 1, len(grid) - 1)
        share = (z - grid_z[upper - 1]) / (grid_z[upper] - grid_z[upper - 1])
        share = share[:, None, None]
        interpolated = (1 - share) * scores[upper - 1] + share * scores[upper]
        return np.moveaxis(interpolated, 0, -1).astype(np.float32)


def _recent_steps(lookback: int) -> int:
    """Return the number of steps in the recent part of a window."""
    return min(lookback, max(MIN_RECENT_STEPS, lookback // 4))


def _observed_deviation(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return standard deviation and number of the observed values of each window."""
    observed = values.isfinite()
    count = observed.sum(1)
    mean = torch.where(observed, values, 0).sum(1) / count.clamp(min=1)
    squares = torch.where(observed, values - mean.unsqueeze(1), 0).square()
    return (squares.sum(1) / count.clamp(min=1)).sqrt(), count


def _calibrate(scores: Array, observed: Mask, stride: float) -> Array:
    """Return the scores at each level of the grid, (grid, horizon, channels)."""
    count: npt.NDArray[np.int_] = observed.sum(0)
    spread = _mean_absolute_score(scores, observed)
    ordered = np.sort(np.where(observed, scores, np.nan), axis=0)
    has_spread = observed & (spread > 0)
    relative = np.sort(scores[has_spread] / np.broadcast_to(spread, observed.shape)[has_spread])
    absolute = np.sort(np.abs(relative))
    steps = np.arange(1, len(spread) + 1)[:, None]
    # A channel without any score has the spread of the others, and so their number of windows.
    windows = np.where(count > 0, count, count.max())
    degrees = np.maximum(1, windows * np.minimum(1, stride / steps))
    channel_weight = count / (count + CHANNEL_SHRINKAGE_WINDOWS)
    # The last step has the fewest independent windows.
    independent_windows = float(np.median(degrees[-1]))
    skew_weight = independent_windows / (independent_windows + SKEW_SHRINKAGE_WINDOWS)
    quantiles = np.zeros((len(QUANTILE_GRID), *spread.shape), np.float32)
    for index, level in enumerate(QUANTILE_GRID):
        if level != 0.5:  # the median is the forecast itself
            sign = 1 if level > 0.5 else -1
            symmetric = sign * _pooled_quantile(absolute, 2 * max(level, 1 - level) - 1)
            skewed = _pooled_quantile(relative, level)
            pooled = skew_weight * skewed + (1 - skew_weight) * symmetric
            pooled = np.where(spread > 0, pooled, 0) * spread
            by_channel = _channel_quantile(ordered, count, level)
            mixed = channel_weight * by_channel + (1 - channel_weight) * pooled
            # No quantile is on the wrong side of the forecast.
            quantiles[index] = sign * np.maximum(sign * mixed * _student_factor(degrees, level), 0)
    return quantiles


def _mean_absolute_score(scores: Array, observed: Mask) -> Array:
    """Return the mean absolute score (horizon, channels).

    Channels without scores at a step have the mean of the step, steps without any the overall mean.
    """
    count = observed.sum(0)
    total = np.abs(np.where(observed, scores, 0)).sum(0)
    step_mean: Array = total.sum(1, keepdims=True) / np.maximum(count.sum(1, keepdims=True), 1)
    step_mean = np.where(count.any(1, keepdims=True), step_mean, total.sum() / count.sum())
    return np.where(count > 0, total / np.maximum(count, 1), step_mean)


def _quantile_rank(count: npt.NDArray[np.integer], level: float) -> npt.NDArray[np.integer]:
    """Return the rank of a quantile among the scores: from the smallest up, or the largest down."""
    # The margin keeps products such as 0.9 * 10 from rounding up to the next rank.
    return np.ceil((count + 1) * max(level, 1 - level) - 1e-9).astype(int)


def _pooled_quantile(ordered: Array, level: float) -> float:
    """Return a quantile of all scores divided by their spread; infinite if they are too few."""
    rank = int(_quantile_rank(np.array([len(ordered)]), level)[0])
    if rank > len(ordered):
        return np.inf if level > 0.5 else -np.inf
    return float(ordered[rank - 1 if level > 0.5 else -rank])


def _channel_quantile(ordered: Array, count: npt.NDArray[np.integer], level: float) -> Array:
    """Return quantiles (horizon, channels).

    The extreme score where there are too few for the level, 0 where there are none.
    """
    rank = np.minimum(_quantile_rank(count, level), count)
    index = np.maximum(rank - 1 if level > 0.5 else count - rank, 0)
    return np.nan_to_num(np.take_along_axis(ordered, index[None], axis=0)[0])


def _student_factor(degrees: Array, level: float) -> Array:
    """Return the quantile of Student's t divided by that of the normal."""
    from scipy.special import stdtrit

    # Most channels have the same number of windows, so few quantiles have to be computed.
    distinct, inverse = np.unique(degrees, return_inverse=True)
    factors: Array = stdtrit(distinct, level) / _normal_quantile(np.array([level]))
    return factors[inverse.reshape(degrees.shape)]


def _normal_quantile(levels: Array) -> Array:
    # Imported on use: the import takes a tenth of the time of a small table's point forecast.
    from scipy.special import ndtri

    return ndtri(levels)
