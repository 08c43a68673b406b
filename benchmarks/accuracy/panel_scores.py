"""Scores of the panel: one value for each series, then estimates over series with confidence."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.accuracy.panel_forecasts import PanelForecasts
from benchmarks.accuracy.panel_tasks import PanelTask

QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)
FLOOR = 0.001
"""Smaller scaled errors count as this one in ratios: a forecast without error has a ratio, too."""
CLIP = 3.0
"""Largest ratio of a series in `average_clipped_ratios`; the smallest is its reciprocal."""
RESAMPLES = 1000
MIN_SERIES = 5
"""Series below which an estimate has no confidence interval."""
Statistic = Callable[..., np.ndarray]
"""Columns (..., series) -> estimates (...)."""


class Estimate(NamedTuple):
    """An estimate over series with its bootstrap confidence interval."""

    value: float
    lower: float | None
    """2.5 % quantile over resamples of the series; None with fewer than five series."""
    upper: float | None

    def __str__(self) -> str:
        """Return the cell of the page."""
        if self.lower is None:
            return f"{self.value:.3g}"
        return f"{self.value:.3g} [{self.lower:.3g}, {self.upper:.3g}]"


class SeriesScores(NamedTuple):
    """Scores (tasks,) of one model; NaN where it has no forecast or no intervals."""

    error: np.ndarray
    """Mean absolute scaled error."""
    quantile_loss: np.ndarray
    """Scaled quantile loss, mean over levels and steps."""
    coverage: np.ndarray
    """Percent (tasks, levels) of the observed targets inside the intervals of 80 and 95 %."""


def score_series(forecasts: PanelForecasts, tasks: Sequence[PanelTask]) -> SeriesScores:
    """Score each task: MASE, scaled quantile loss and coverage.

    The pinball loss max(q (y - f), (q - 1) (y - f)) of each level q is divided by the scale of
    MASE. The forecast of .5 is the point forecast, and the others are the bounds of the intervals.
    Unobserved targets do not count.
    """
    scores = SeriesScores(
        np.full(len(tasks), np.nan), np.full(len(tasks), np.nan), np.full((len(tasks), 2), np.nan)
    )
    levels = np.array(QUANTILES)[:, None]
    for index, task in enumerate(tasks):
        steps = np.flatnonzero(np.isfinite(task.targets))
        target, mean = task.targets[steps], forecasts.mean[index, steps]
        lower, upper = forecasts.lower[index][:, steps], forecasts.upper[index][:, steps]
        scores.error[index] = np.abs(target - mean).mean() / task.scale
        difference = target - np.stack([lower[1], lower[0], mean, upper[0], upper[1]])
        losses = np.maximum(levels * difference, (levels - 1) * difference)
        scores.quantile_loss[index] = losses.mean() / task.scale
        inside = (lower <= target) & (target <= upper)
        inside = np.where(np.isfinite(lower) & np.isfinite(upper), 100.0 * inside, np.nan)
        scores.coverage[index] = inside.mean(axis=1)
    return scores


def estimate(statistic: Statistic, *columns: np.ndarray) -> Estimate | None:
    """Return a statistic of columns (series,) with a 95 % percentile interval over the series.

    Series are drawn with replacement, whole and from all columns at once, so that a comparison of
    two models is paired (Efron, 1979). Series with NaN in a column do not count.

    Returns:
        None if no series is left.
    """
    complete = np.isfinite(np.stack(columns)).all(axis=0)
    columns = tuple(column[complete] for column in columns)
    count = len(columns[0])
    if not count:
        return None
    value = float(statistic(*columns))
    if count < MIN_SERIES:
        return Estimate(value, None, None)
    draws = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
    lower, upper = np.quantile(statistic(*(column[draws] for column in columns)), [0.025, 0.975])
    return Estimate(value, float(lower), float(upper))


def average(values: np.ndarray) -> np.ndarray:
    """Return the mean over series."""
    return values.mean(axis=-1)


def divide_means(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the ratio of two means over series; it is ruled by the series with large errors."""
    return values.mean(axis=-1) / reference.mean(axis=-1)


def average_ratios(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the geometric mean of the ratios of the series, each error at least `FLOOR`."""
    return np.exp(_compute_log_ratios(values, reference).mean(axis=-1))


def average_clipped_ratios(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the geometric mean with each ratio clipped to [1/3, 3]."""
    return np.exp(clip_log_ratios(values, reference).mean(axis=-1))


def clip_log_ratios(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the logarithms of the ratios of the series, each clipped to [1/3, 3]."""
    return np.clip(_compute_log_ratios(values, reference), -np.log(CLIP), np.log(CLIP))


def average_wins(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the percentage of series with a smaller error; an equal error is half a win."""
    return 100 * ((values < reference) + 0.5 * (values == reference)).mean(axis=-1)


def _compute_log_ratios(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(values, FLOOR) / np.maximum(reference, FLOOR))
