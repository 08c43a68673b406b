"""Summary of a forecast in numbers: its average, its change, its range and its tests."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from revin_forecast.data.amounts import measure_change
from revin_forecast.data.reading.read_series import TableLike
from revin_forecast.data.series import Series
from revin_forecast.forecasting.fitted import FittedModel, find_model_season
from revin_forecast.forecasting.past_values import (
    are_counts,
    average_known,
    find_last,
    find_past_value,
    measure_rows,
)
from revin_forecast.forecasting.predict import PredictedValues, predict_values
from revin_forecast.models.intervals import interval_quantiles
from revin_forecast.models.quantiles import has_all_levels
from revin_forecast.utils.parallel import Engine

SUMMARY_LEVEL = 80.0
"""Level of the range in a summary, in percent."""
LIMITS = (f"-lo-{SUMMARY_LEVEL:g}", f"-hi-{SUMMARY_LEVEL:g}")
"""Suffixes of the columns of that range."""
MAX_RANGE_VALUES = 2**22
"""Most values of a forecast for which a summary computes a range that was not asked for."""
MAX_PAST_VALUES = 2**22
"""Most values of the rows before a forecast that a summary looks at: 32 MiB."""
SAME_VALUE = 1e-6
"""Relative difference below which a forecast repeats a constant."""

Range = tuple[float, float]


@dataclass(frozen=True)
class SeriesSummary:
    """The forecast of one series in numbers."""

    series: str
    """Name of the series."""
    mean: float
    """Mean of the forecast over the horizon."""
    total: float
    """Sum of the forecast over the horizon."""
    is_intermittent: bool
    """Whether most values are 0, so that only the sum is likely to be met."""
    is_constant: bool
    """Whether all rows have one value, which the forecast repeats."""
    past_mean: float | None
    """Mean of the rows that the forecast is compared with; None: they are not known."""
    change_percent: float | None
    """Change from that mean; None where a percentage would mislead."""
    first_range: Range | None
    """Interval of the first step; None without intervals."""
    last_range: Range | None
    """Interval of the last step."""
    widest_range: Range | None
    """Lowest and highest limit of all steps."""
    spread: float
    """Width of a typical interval, or two deviations of the last rows, for the rounding."""
    tests: int
    """Number of tests on past rows."""
    as_good: int
    """Number of tests in which the model was as good as or better than the naive forecast."""
    now: float | None = None
    """Last observed value."""
    ago: float | None = None
    """Value `ForecastSummary.season` steps before the last row; None: it is not known."""
    final: float | None = None
    """Forecast of the last step."""
    highest: float | None = None
    """Highest forecast of all steps."""
    highest_time: pd.Timestamp | None = None
    """Time of it; None if series end at different times."""


@dataclass(frozen=True)
class ForecastSummary:
    """A forecast in numbers; `describe_forecast` puts it into words."""

    horizon: int
    """Number of steps."""
    frequency: str | None
    """Pandas frequency of the steps."""
    first: pd.Timestamp | None
    """Time of the first step; None if series end at different times."""
    last: pd.Timestamp | None
    """Time of the last step."""
    past_lag: int
    """Steps from the rows that the forecast is compared with to the forecast."""
    past_steps: int
    """Number of these rows; may be 0."""
    level: float | None
    """Level of the ranges in percent; None without intervals."""
    naive_season: int | None
    """Season of the naive forecast in the tests, 1 for the last value; None: it was not tested."""
    tests_chose_model: bool
    """Whether the tests served to choose the model, not only to tune it."""
    series: tuple[SeriesSummary, ...]
    """The series that are forecast."""
    total: float | None
    """Sum over all series and steps; None where no sum is meaningful."""
    past_total: float | None
    """Sum over the rows that the forecast is compared with."""
    season: int = 1
    """Steps in a season; 1 without one."""
    tested_steps: int | None = None
    """Steps of the longest test; None if it is not known."""


def predict_with_summary(
    fitted: FittedModel,
    rows: Series,
    table: TableLike | None = None,
    future: TableLike | None = None,
    level: Sequence[float | int] = (),
    engine: Engine | None = None,
) -> tuple[pd.DataFrame, ForecastSummary]:
    """Forecast as `Forecaster.predict` does, and summarize the forecast.

    Args:
        fitted: the fitted model.
        rows: rows before the forecast, as many as are known.
        table: see `Forecaster.predict`.
        future: see `Forecaster.predict`.
        level: levels of the intervals in the table, in percent.
        engine: see `Forecaster.predict`.
    """
    has_range = SUMMARY_LEVEL in map(float, level) or _has_cheap_range(fitted)
    levels = [*level, SUMMARY_LEVEL] if has_range else level
    predicted = predict_values(fitted, table, future, levels, engine)
    frame = predicted.to_frame(level)
    return frame, summarize_forecast(fitted, rows, predicted)


def summarize_forecast(
    fitted: FittedModel, rows: Series, predicted: PredictedValues
) -> ForecastSummary:
    """Return the summary of a forecast, with ranges if it has limits of level 80.

    Args:
        fitted: the model that made it.
        rows: rows before the forecast, as many as are known.
        predicted: the forecast.
    """
    horizon, end = fitted.config.horizon, predicted.history.timestamps[-1]
    # A table may have rows after those that the forecast continues, without a value of its series.
    rows = rows.slice_rows(0, int(rows.timestamps.searchsorted(end, side="right")))
    targets = rows.select(predicted.history.names).align_ends()
    season = _find_season(fitted)
    lag, steps = _choose_past(len(rows), horizon, season)
    targets = targets.slice_rows(
        max(0, len(rows) - max(lag, season + 1, MAX_PAST_VALUES // len(targets.names))), len(rows)
    )
    past = np.where(targets.observed, targets.values, np.nan)
    ends = predicted.history.last_timestamps
    has_one_end = ends is None or ends.nunique() == 1
    stamps = list(predicted.history.forecast_timestamps(horizon)[:horizon]) if has_one_end else []
    compared = past[len(past) - lag :][:steps]
    series = tuple(_iter_series(fitted, predicted, past, compared, season, stamps))
    can_add = predicted.history.format.is_long and are_counts(past)
    past_means = [entry.past_mean for entry in series if entry.past_mean is not None]
    comparison = fitted.summary.get("naive_comparison")
    return ForecastSummary(
        horizon=horizon,
        frequency=predicted.history.frequency,
        first=stamps[0] if stamps else None,
        last=stamps[-1] if stamps else None,
        past_lag=lag,
        past_steps=steps,
        level=SUMMARY_LEVEL if LIMITS[0] in predicted.columns else None,
        naive_season=None if comparison is None else comparison["season"],
        tests_chose_model="selection" in fitted.summary,
        series=series,
        total=sum(entry.total for entry in series) if can_add else None,
        past_total=sum(past_means) * horizon if len(past_means) == len(series) else None,
        season=season,
        tested_steps=None if comparison is None else comparison.get("steps"),
    )


def _has_cheap_range(fitted: FittedModel) -> bool:
    """Return whether a range that was not asked for is known and costs little."""
    if fitted.config.horizon * len(fitted.targets) > MAX_RANGE_VALUES:
        return False
    if fitted.intervals is None:
        bounds = set(interval_quantiles(SUMMARY_LEVEL))
        return has_all_levels(fitted.model) or bounds <= set(fitted.config.quantile_levels)
    # Without any window the width is assumed, and should be looked at only on demand.
    return fitted.summary.get("calibration_windows") != 0


def _find_season(fitted: FittedModel) -> int:
    if fitted.value_range is not None and fitted.value_range.is_rate.all():
        return 1  # rare events follow no season
    return find_model_season(fitted)


def _choose_past(rows: int, horizon: int, season: int) -> tuple[int, int]:
    """Return the rows that a forecast is compared with: their distance from it, and their number.

    They are the last ones, or the same phase of the last season if the horizon is not whole
    seasons: three months are compared with the same months a year before.

    >>> _choose_past(100, 12, 12), _choose_past(100, 3, 12), _choose_past(9, 12, 12)
    ((12, 12), (12, 3), (9, 9))
    """
    lag = -(-horizon // season) * season
    return (lag, horizon) if lag <= rows else (min(horizon, rows), min(horizon, rows))


def _iter_series(
    fitted: FittedModel,
    predicted: PredictedValues,
    past: np.ndarray,
    compared: np.ndarray,
    season: int,
    stamps: Sequence[pd.Timestamp],
) -> Iterator[SeriesSummary]:
    """Yield the summary of each series.

    Args:
        fitted: the model.
        predicted: its forecast.
        past: (time, targets) rows before the forecast, NaN where unobserved.
        compared: (time, targets) the part of them that the forecast is compared with.
        season: steps in a season; 1 without one.
        stamps: times of the forecast; empty if series end at different times.
    """
    values, names = predicted.columns[""], predicted.history.names
    means, past_means = values.mean(0), average_known(compared)
    lowest, highest, deviation = measure_rows(past)
    tolerance = SAME_VALUE * np.abs(highest)
    is_constant = (lowest == highest) & (np.abs(values - highest) <= tolerance).all(0)
    ranges = _find_ranges(predicted)
    spread = 2 * deviation if ranges is None else ranges.mean_width
    is_rate = np.zeros(len(names), dtype=bool)
    if fitted.value_range is not None:
        is_rate = fitted.value_range.is_rate
    comparison, nothing = fitted.summary.get("naive_comparison", {}), [0] * len(names)
    for index, name in enumerate(names):
        mean, past_mean = float(means[index]), float(past_means[index])
        is_known = not math.isnan(past_mean)
        is_ratio = bool(lowest[index] >= 0)
        yield SeriesSummary(
            series=name,
            mean=mean,
            total=float(values[:, index].sum()),
            is_intermittent=bool(is_rate[index]),
            is_constant=bool(is_constant[index]),
            past_mean=past_mean if is_known else None,
            change_percent=measure_change(mean, past_mean, is_ratio) if is_known else None,
            first_range=None if ranges is None else ranges.select(0, index),
            last_range=None if ranges is None else ranges.select(-1, index),
            widest_range=None if ranges is None else ranges.find_widest(index),
            spread=float(spread[index]),
            tests=comparison.get("tests", nothing)[index],
            as_good=comparison.get("as_good", nothing)[index],
            now=find_last(past[:, index]),
            ago=find_past_value(past[:, index], season),
            final=float(values[-1, index]),
            highest=float(values[:, index].max()),
            highest_time=stamps[int(values[:, index].argmax())] if stamps else None,
        )


@dataclass(frozen=True, eq=False)
class _Ranges:
    lower: np.ndarray
    """(horizon, targets) lower limits."""
    upper: np.ndarray
    """(horizon, targets) upper limits."""

    @property
    def mean_width(self) -> np.ndarray:
        """(targets,) mean width over the horizon."""
        return (self.upper - self.lower).mean(0)

    def select(self, step: int, index: int) -> Range:
        """Return the limits of one step of a series."""
        return float(self.lower[step, index]), float(self.upper[step, index])

    def find_widest(self, index: int) -> Range:
        """Return the lowest and the highest limit of a series."""
        return float(self.lower[:, index].min()), float(self.upper[:, index].max())


def _find_ranges(predicted: PredictedValues) -> _Ranges | None:
    lower, upper = (predicted.columns.get(suffix) for suffix in LIMITS)
    return None if lower is None or upper is None else _Ranges(lower, upper)
