"""Prediction intervals: scores by level, step and channel, times the scale of the window."""

# pyright: reportMissingTypeStubs=false
# scipy has no annotations.

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from revin_forecast.models.step_dependence import StepDependence
from revin_forecast.utils.arguments import check_level
from revin_forecast.utils.shapes import Past

Array: TypeAlias = npt.NDArray[np.floating]

# The grid is dense in the tails, where high interval levels are, and symmetric about 0.5.
_TAIL = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025)
_LOWER = (*_TAIL, *(step / 20 for step in range(1, 10)))
QUANTILE_GRID = np.array([*_LOWER, 0.5, *(1 - level for level in reversed(_LOWER))])
"""Quantile levels whose scores are stored; others are interpolated on the normal quantile scale."""
MAX_NORMAL_SCORE = 5.0
"""Largest normal score whose quantile is computed: one in 3.5 million is beyond."""
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
    low = round((100 - check_level(level)) / 200, 9)
    return low, round(1 - low, 9)


@dataclass(frozen=True, eq=False)
class Intervals(ABC):
    """Quantiles around a point forecast: scores times the scale of the window, added to it.

    Quantiles ascend with their level, and the point forecast is the quantile of level 0.5, so every
    interval contains it.
    """

    score_source: Array | Callable[[], Array]
    """The scores, or a function that computes them on first use: point forecasts need none."""
    dependence_source: StepDependence | Callable[[], StepDependence] | None = field(
        default=None, kw_only=True
    )
    """The dependence between steps, or a function that estimates it on first use; None: unknown."""

    @cached_property
    def scores(self) -> Array:
        """(grid, horizon, channels) float32: score at each level of `QUANTILE_GRID`.

        Infinite where a level can't be estimated.
        """
        return self.score_source() if callable(self.score_source) else self.score_source

    @cached_property
    def dependence(self) -> StepDependence | None:
        """Dependence of errors between steps; None: unknown, as in models of earlier versions."""
        return (
            self.dependence_source()
            if callable(self.dependence_source)
            else (self.dependence_source)
        )

    @property
    def score_nodes(self) -> Array:
        """Normal scores between which quantiles are linear, ascending."""
        grid = normal_quantile(QUANTILE_GRID)
        return np.concatenate([[-MAX_NORMAL_SCORE], grid, [MAX_NORMAL_SCORE]])

    @property
    @abstractmethod
    def method(self) -> str:
        """How the scores were estimated, in a few words."""

    @abstractmethod
    def scales(self, past: Past) -> Float[Tensor, "batch channels"]:
        """Return the factor of the scores for each window.

        Args:
            past: windows of the forecast, with its channels only; NaN where unobserved.
        """

    @abstractmethod
    def widen_after_gap(
        self,
        distance: Float[Tensor, "batch horizon channels levels"],
        past: Past,
        levels: Sequence[float],
    ) -> Float[Tensor, "batch horizon channels levels"]:
        """Return the quantiles' distances from the forecast of windows that may end in a gap.

        Args:
            distance: distances for windows without one.
            past: the windows.
            levels: levels of the quantiles.
        """

    @abstractmethod
    def select(self, indices: Sequence[int]) -> "Intervals":
        """Return the intervals of some channels."""

    def quantiles(
        self,
        forecast: Float[Tensor, "batch horizon channels"],
        past: Past,
        levels: Sequence[float],
    ) -> Float[Tensor, "batch horizon channels levels"]:
        """Return quantiles of the truth, forecast + score * scale of the window.

        Args:
            forecast: standardized point forecast.
            past: windows of the forecast, with its channels only; NaN where unobserved.
            levels: between 0 and 1.
        """
        scores = torch.as_tensor(self._interpolate_scores(levels)).to(forecast)
        distance = scores * self.scales(past)[:, None, :, None].to(forecast)
        return forecast.unsqueeze(-1) + self.widen_after_gap(distance, past, levels)

    def _interpolate_scores(self, levels: Sequence[float]) -> npt.NDArray[np.float32]:
        """Return the scores (horizon, channels, levels) at any levels."""
        is_finite = np.isfinite(self.scores).all((1, 2))
        grid, scores = QUANTILE_GRID[is_finite], self.scores[is_finite]
        # Linear on the scale of normal quantiles, where the tails are nearly straight. Beyond the
        # last level the line from the forecast, at 0, continues.
        z, grid_z = normal_quantile(np.asarray(levels)), normal_quantile(grid)
        inside = np.clip(z, grid_z[0], grid_z[-1])
        upper = np.clip(np.searchsorted(grid_z, inside), 1, len(grid) - 1)
        share = (inside - grid_z[upper - 1]) / (grid_z[upper] - grid_z[upper - 1])
        share = share[:, None, None]
        interpolated = (1 - share) * scores[upper - 1] + share * scores[upper]
        beyond = np.where(inside == 0, 1, z / np.where(inside == 0, 1, inside))
        interpolated = interpolated * beyond[:, None, None]
        return np.moveaxis(interpolated, 0, -1).astype(np.float32)


def select_dependence(intervals: Intervals, indices: Sequence[int]) -> StepDependence | None:
    """Return the dependence of some channels; None if it is unknown."""
    return None if intervals.dependence is None else intervals.dependence.select(indices)


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


def normal_quantile(levels: Array) -> Array:
    """Return quantiles of the standard normal distribution."""
    # Imported on use: the import takes a tenth of the time of a small table's point forecast.
    from scipy.special import ndtri

    return ndtri(levels)
