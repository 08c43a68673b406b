"""Conformal prediction intervals, calibrated in normalized units so that they widen with the data.

A calibration window's score is its residual over the window's own scale. A forecast's quantile is
the forecast plus a quantile of the scores times the scale of the window it is made from: where the
data vary a hundred times as much, so does the interval (split conformal prediction with normalized
scores: Papadopoulos et al., ECML 2002; Lei et al., JASA 2018). Calibrate with the forecasts of a
model that was not fitted on those windows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from revin_forecast.errors import InputError

_LOWER_QUANTILES = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    *(step / 20 for step in range(1, 10)),
)
QUANTILE_GRID = np.array(
    [*_LOWER_QUANTILES, 0.5, *(1 - level for level in reversed(_LOWER_QUANTILES))]
)
"""Levels whose scores are kept; others are interpolated on the normal quantile's scale."""
CHANNEL_SHRINKAGE_WINDOWS = 400
"""Windows from which on a channel's own quantiles at a step weigh more than the pooled shape."""
SKEW_SHRINKAGE_WINDOWS = 40
"""Windows that do not overlap from which on the pooled scores' own skew outweighs symmetry."""
MIN_SCALE = 0.01
"""Least scale of a window, in training deviations: a constant one is not certain of the future."""
MIN_RECENT_STEPS = 8
"""Least number of rows that tell how much a window varies of late."""


def window_scale(past: Float[Tensor, "batch lookback channels"]) -> Float[Tensor, "batch channels"]:
    """Return how much each window varies, in the units of its values, `SMALLEST` at least.

    The mean of two standard deviations, over the look-back and over its last quarter, so that a
    change inside the window counts twice; of observed values only. It goes with the data: a times
    as large for a times the values, the same for values + b. Windows of which hardly a value was
    observed tell nothing; theirs is one training deviation at least.

    Args:
        past: standardized, NaN where unobserved.

    >>> window_scale(torch.tensor([[[0.0], [2.0]], [[5.0], [5.0]], [[torch.nan], [torch.nan]]]))
    tensor([[1.0000],
            [0.0100],
            [1.0000]])
    """
    past = past.to(torch.promote_types(past.dtype, torch.float32))
    whole, seen = _observed_deviation(past)
    recent, count = _observed_deviation(past[:, -_recent_steps(past.shape[1]) :])
    scale = ((whole + torch.where(count > 1, recent, whole)) / 2).clamp(min=MIN_SCALE)
    hardly = seen < min(MIN_RECENT_STEPS, (past.shape[1] + 1) // 2)
    return torch.where(hardly, scale.clamp(min=1), scale)


def recent_gap_share(
    past: Float[Tensor, "batch lookback channels"],
) -> Float[Tensor, "batch channels"]:
    """Return the share of each window's last quarter that comes after its last observed value.

    >>> gap_share(torch.tensor([[[1.0], [2.0]], [[1.0], [torch.nan]], [[torch.nan]] * 2]))
    tensor([[0.0000],
            [0.5000],
            [1.0000]])
    """
    late = past[:, -_recent_steps(past.shape[1]) :]
    steps = torch.arange(1, late.shape[1] + 1, device=past.device).reshape(1, -1, 1)
    return 1 - (late.isfinite() * steps).amax(1) / late.shape[1]


def _recent_steps(lookback: int) -> int:
    """Return the steps that tell how a window is of late."""
    return min(lookback, max(MIN_RECENT_STEPS, lookback // 4))


def interval_quantiles(level: int | float) -> tuple[float, float]:
    """Return the levels of the two quantiles between which a central interval lies.

    Args:
        level: percent of truths to lie within.

    Raises:
        InputError: no percentage between 1 and 100; a share such as 0.8 is told apart.

    >>> interval_levels(80)
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
    """Quantiles of calibration scores, and what they make of a forecast.

    Quantiles ascend with their level, and the point forecast is that of level 0.5: it lies in every
    interval.
    """

    score_source: np.ndarray | Callable[[], np.ndarray]
    """The scores, or what calibrates them when they are first asked for: a forecast of points needs
    none."""

    @cached_property
    def scores(self) -> np.ndarray:
        """(grid, horizon, channels) float32: score at each level of `GRID`.

        Infinite where the calibration windows are too few to tell.
        """
        return (
            self.score_source if isinstance(self.score_source, np.ndarray) else self.score_source()
        )

    @classmethod
    def calibrate(
        cls, residuals: np.ndarray, scales: np.ndarray, stride: float = 1.0
    ) -> "ConformalIntervals":
        """Calibrate on windows that the model was not fitted on.

        A channel's quantile at a step is its spread there, the mean absolute score, times a
        quantile of all scores over their spread, pooled over steps and channels: the shape. The
        more windows there are, the more the channel's own quantile takes its place. Of n scores
        the ceil((n + 1) q)-th is taken.

        Windows that overlap are dependent: n of them with origins `stride` apart tell as much of
        step h as n * stride / h do, or n. What so few say of the spread is uncertain, so quantiles
        are stretched as Student's t is against the normal, with as many degrees of freedom. Nor do
        they tell on which side the next error lies: the fewer they are, the more the shape is that
        of absolute scores, the same above and below.

        Args:
            residuals: (windows, horizon, channels), truth - forecast, NaN where unobserved.
            scales: (windows, channels) > 0, `window_scale` of their look-backs.
            stride: steps from one window's origin to the next's; 1 where they differ.

        Raises:
            InputError: no residual was observed.
        """
        scores = residuals / scales[:, None]
        seen = np.isfinite(scores)
        if not seen.any():
            raise InputError(
                "no value of the calibration windows was observed, so there is nothing that tells "
                "how wide an interval is. Pass more rows, or leave --level out."
            )
        return cls(partial(_calibrate, scores, seen, stride))

    def quantiles(
        self,
        forecast: Float[Tensor, "batch horizon channels"],
        past: Float[Tensor, "batch lookback channels"],
        levels: Sequence[float],
    ) -> Float[Tensor, "batch horizon channels levels"]:
        """Return quantiles of what comes, forecast + score * `window_scale`.

        Calibration windows have no long gap at their end. Where a window has, its quantiles lie at
        least as far from the forecast as those of a normal distribution of the share of a training
        deviation that the gap is of the window's last quarter: all of it where that is empty.

        Args:
            forecast: what the model says, standardized.
            past: the windows it was made from, those channels only; NaN where unobserved.
            levels: between 0 and 1.

        Raises:
            InputError: a level that the calibration windows are too few for.
        """
        from scipy.special import ndtri

        scores = torch.from_numpy(self._interpolate_scores(levels)).to(forecast)
        away = scores * window_scale(past)[:, None, :, None].to(forecast)
        least = torch.from_numpy(ndtri(np.asarray(levels))).to(forecast)
        blind = recent_gap_share(past)[:, None, :, None].to(forecast) * least
        away = torch.where(least > 0, away.maximum(blind), away.minimum(blind))
        return forecast.unsqueeze(-1) + away

    def _interpolate_scores(self, levels: Sequence[float]) -> np.ndarray:
        """Return the scores (horizon, channels, levels) at any levels."""
        known = np.isfinite(self.scores).all((1, 2))
        grid = QUANTILE_GRID[known]
        for level in levels:
            if not grid[0] - 1e-9 <= level <= grid[-1] + 1e-9:
                raise InputError(
                    f"an interval of {abs(200 * level - 100):.10g} % is beyond what the "
                    f"calibration windows can tell; --level goes up to "
                    f"{200 * grid[-1] - 100:.4g} with them. Ask for less, or fit with more rows."
                )
        from scipy.special import ndtri  # a tenth of the time of a small table's forecast of points

        places, scores = ndtri(np.clip(levels, grid[0], grid[-1])), self.scores[known]
        after = np.clip(np.searchsorted(ndtri(grid), places), 1, len(grid) - 1)
        first, second = ndtri(grid[after - 1]), ndtri(grid[after])
        share = ((places - first) / (second - first))[:, None, None]
        found = (1 - share) * scores[after - 1] + share * scores[after]
        return np.moveaxis(found, 0, -1).astype(np.float32)


def _observed_deviation(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return standard deviation and number of the observed values of each window."""
    seen = values.isfinite()
    count = seen.sum(1)
    mean = torch.where(seen, values, 0).sum(1) / count.clamp(min=1)
    squares = torch.where(seen, values - mean.unsqueeze(1), 0).square()
    return (squares.sum(1) / count.clamp(min=1)).sqrt(), count


def _calibrate(scores: np.ndarray, seen: np.ndarray, stride: float) -> np.ndarray:
    """Return the scores at each level of the grid, (grid, horizon, channels)."""
    count, spread = seen.sum(0), _mean_absolute_score(scores, seen)
    ordered = np.sort(np.where(seen, scores, np.nan), axis=0)
    varied = seen & (spread > 0)
    shape = np.sort(scores[varied] / np.broadcast_to(spread, seen.shape)[varied])
    sizes = np.sort(np.abs(shape))
    steps = np.arange(1, len(spread) + 1)[:, None]
    told = np.where(count > 0, count, count.max())  # a spread that was never seen is the others'
    degrees = np.maximum(1, told * np.minimum(1, stride / steps))
    own = count / (count + CHANNEL_SHRINKAGE_WINDOWS)
    apart = float(np.median(degrees[-1]))
    skew = apart / (apart + SKEW_SHRINKAGE_WINDOWS)
    found = np.zeros((len(QUANTILE_GRID), *spread.shape), np.float32)
    for place, level in enumerate(QUANTILE_GRID):
        if level != 0.5:  # that is the forecast itself
            side = 1 if level > 0.5 else -1
            even = side * _pooled_quantile(sizes, 2 * max(level, 1 - level) - 1)
            at = skew * _pooled_quantile(shape, level) + (1 - skew) * even
            pooled = np.where(spread > 0, at, 0) * spread
            mixed = own * _channel_quantile(ordered, count, level) + (1 - own) * pooled
            found[place] = side * np.maximum(side * mixed * _student_factor(degrees, level), 0)
    return found


def _mean_absolute_score(scores: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the mean absolute score (horizon, channels); the step's where one has none."""
    count = seen.sum(0)
    total = np.abs(np.where(seen, scores, 0)).sum(0)
    step = total.sum(1, keepdims=True) / np.maximum(count.sum(1, keepdims=True), 1)
    step = np.where(count.any(1, keepdims=True), step, total.sum() / count.sum())
    return np.where(count > 0, total / np.maximum(count, 1), step)


def _quantile_rank(count: np.ndarray, level: float) -> np.ndarray:
    """Return which score is a level's quantile: from the smallest up, or the largest down."""
    return np.ceil((count + 1) * max(level, 1 - level) - 1e-9).astype(int)


def _pooled_quantile(ordered: np.ndarray, level: float) -> float:
    """Return a quantile of all scores over their spread; infinite where they are too few."""
    rank = int(_quantile_rank(np.array([len(ordered)]), level)[0])
    if rank > len(ordered):
        return np.inf if level > 0.5 else -np.inf
    return float(ordered[rank - 1 if level > 0.5 else -rank])


def _channel_quantile(ordered: np.ndarray, count: np.ndarray, level: float) -> np.ndarray:
    """Return quantiles (horizon, channels); the last score where it lies beyond, 0 without any."""
    rank = np.minimum(_quantile_rank(count, level), count)
    index = np.maximum(rank - 1 if level > 0.5 else count - rank, 0)
    return np.nan_to_num(np.take_along_axis(ordered, index[None], axis=0)[0])


def _student_factor(degrees: np.ndarray, level: float) -> np.ndarray:
    """Return the quantiles of Student's t over the normal one."""
    from scipy.special import ndtri, stdtrit  # as above

    few, places = np.unique(degrees, return_inverse=True)  # most have as many windows
    return (stdtrit(few, level) / ndtri(level))[places.reshape(degrees.shape)]
