"""Conformal prediction intervals, whose width is proportional to the variation of the window.

A calibration window's score is its residual divided by the window's own scale. A forecast's
quantile is the forecast plus a quantile of the scores times the scale of its window: where the data
vary a hundred times as much, the interval is a hundred times as wide (split conformal prediction
with normalized scores: Papadopoulos et al., ECML 2002; Lei et al., JASA 2018). Calibrate with the
forecasts of a model that was not fitted on those windows.
"""

# pyright: reportMissingTypeStubs=false
# scipy has no annotations.

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from revin_forecast.errors import InputError
from revin_forecast.models.intervals import (
    QUANTILE_GRID,
    Array,
    Intervals,
    normal_quantile,
    recent_gap_share,
    select_dependence,
    window_scale,
)
from revin_forecast.models.step_dependence import StepDependence
from revin_forecast.utils.shapes import Past

Mask: TypeAlias = npt.NDArray[np.bool_]

CHANNEL_SHRINKAGE_WINDOWS = 400
"""Number of windows at which a channel's own quantiles weigh as much as the pooled shape."""
SKEW_SHRINKAGE_WINDOWS = 40
"""Number of non-overlapping windows at which the scores' own skew weighs as much as symmetry."""


@dataclass(frozen=True, eq=False)
class ConformalIntervals(Intervals):
    """Conformal quantiles: scores from calibration windows, added to a forecast.

    Scores are infinite where there are too few calibration windows for the level.
    """

    @property
    def method(self) -> str:
        """Conformal."""
        return "conformal"

    def scales(self, past: Past) -> Float[Tensor, "batch channels"]:
        """Return `window_scale`."""
        return window_scale(past)

    def widen_after_gap(
        self,
        distance: Float[Tensor, "batch horizon channels levels"],
        past: Past,
        levels: Sequence[float],
    ) -> Float[Tensor, "batch horizon channels levels"]:
        """Return distances that are at least those of a normal distribution.

        Calibration windows have no long gap at their end. The deviation of that distribution is
        `recent_gap_share` training deviations: a whole one if the last quarter is empty.
        """
        normal = torch.as_tensor(normal_quantile(np.asarray(levels))).to(distance)
        gap_distance = recent_gap_share(past)[:, None, :, None].to(distance) * normal
        return torch.where(
            normal > 0, distance.maximum(gap_distance), distance.minimum(gap_distance)
        )

    def select(self, indices: Sequence[int]) -> "ConformalIntervals":
        """Return the intervals of some channels; scores of one channel hold for all."""
        if self.scores.shape[2] == 1:
            return self
        return ConformalIntervals(
            self.scores[:, :, list(indices)], dependence_source=select_dependence(self, indices)
        )

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
        return cls(
            partial(_calibrate, scores, observed, stride),
            dependence_source=partial(StepDependence.estimate, scores),
        )


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

    The extreme score where there are too few for the level, 0 without any score.
    """
    rank = np.minimum(_quantile_rank(count, level), count)
    index = np.maximum(rank - 1 if level > 0.5 else count - rank, 0)
    return np.nan_to_num(np.take_along_axis(ordered, index[None], axis=0)[0])


def _student_factor(degrees: Array, level: float) -> Array:
    """Return the quantile of Student's t divided by that of the normal."""
    from scipy.special import stdtrit

    # Most channels have the same number of windows, so few quantiles have to be computed.
    distinct, inverse = np.unique(degrees, return_inverse=True)
    factors: Array = stdtrit(distinct, level) / normal_quantile(np.array([level]))
    return factors[inverse.reshape(degrees.shape)]
