"""Judgement of a backtest: the error of each series against naive forecasts, and its coverage."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from revin_forecast.data.step_words import StepWords
from revin_forecast.evaluation.backtest import BacktestResult
from revin_forecast.evaluation.model_change import describe_model_change
from revin_forecast.forecasting.fitted import FittedModel

State = Literal["good", "mixed", "bad", "unknown"]
"""Judgement; "unknown" where there is too little data."""

MIN_INDEPENDENT = 5
"""Independent forecasts below which nothing is judged: even five successes of five happen by chance
once in 32 cases."""
MIN_GAIN = 0.05
"""Relative difference from the better naive forecast below which a forecast is not better."""
SAME_ERROR = 0.01
"""Relative difference above the better naive forecast that still counts as equal."""
MIN_TOLERANCE = 5.0
"""Deviation of a coverage from its level that is never a fault, in percentage points."""
MAX_TOLERANCE = 15.0
"""Deviation below a level that is always a fault, however few the forecasts."""


@dataclass(frozen=True)
class SeriesTrust:
    """The judgement of one series."""

    series: str
    """Name of the series."""
    state: State
    """Good: better than both naive forecasts, with coverage near each level."""
    error_ratio: float
    """Mean absolute error over that of the better naive forecast; NaN where nothing varies or no
    value was observed."""
    naive: str
    """The better naive forecast, such as "repeating the last year"."""
    coverages: Mapping[float | int, float]
    """Observed coverage by level, in percent; empty where the intervals have no width."""
    narrow_levels: tuple[float | int, ...]
    """Levels whose intervals are too narrow."""
    wide_levels: tuple[float | int, ...]
    """Levels whose intervals are too wide."""
    is_observed: bool
    """Whether any value was observed after a cutoff."""

    @property
    def is_worse(self) -> bool:
        """Whether the better naive forecast has the smaller error."""
        return self.error_ratio > 1 + SAME_ERROR

    @property
    def is_better(self) -> bool:
        """Whether the error is clearly smaller than that of both naive forecasts."""
        return self.error_ratio < 1 - MIN_GAIN

    @property
    def is_equal(self) -> bool:
        """Whether the error is about that of the better naive forecast."""
        return 1 - MIN_GAIN <= self.error_ratio <= 1 + SAME_ERROR


@dataclass(frozen=True)
class Trust:
    """The judgement of a backtest."""

    state: State
    """Good only if every series that can be judged is good."""
    forecasts: int
    """Number of forecasts."""
    independent: int
    """Number of forecasts that do not overlap and span the same rows."""
    error_ratio: float
    """Mean MASE over that of the better naive forecast; NaN without a scale."""
    naive: str
    """The better naive forecast over all series."""
    coverages: Mapping[float | int, float]
    """Observed coverage over all values by level, in percent."""
    tolerances: Mapping[float | int, float]
    """Deviation of a coverage from its level that is accepted, in percentage points."""
    series: tuple[SeriesTrust, ...]
    """The series of the backtest."""
    excluded_series: tuple[str, ...]
    """Series without a value before the backtest."""
    model_change: str
    """The models of backtest and forecast where they differ; otherwise empty."""

    @property
    def unchecked_series(self) -> tuple[str, ...]:
        """Names of the series of which no value could be compared."""
        unobserved = (entry.series for entry in self.series if not entry.is_observed)
        return (*unobserved, *self.excluded_series)


def judge_backtest(result: BacktestResult, delivered: FittedModel | None = None) -> Trust:
    """Judge a backtest by its worst series.

    Args:
        result: the backtest.
        delivered: the model whose forecast is delivered; None: that of the backtest.
    """
    table, horizon = result.series_scores, len(result.step_scores)
    forecasts = len(result.cutoffs)
    independent = count_independent(forecasts, result.step, horizon)
    tolerances = {level: find_tolerance(level, independent) for level in result.levels}
    names = _name_naive_forecasts(result)
    series = tuple(
        _judge_series(row, names, tolerances, independent * row["observed"] / forecasts / horizon)
        for row in table.to_dict("records")
    )
    scores = result.overall_scores
    naive = min(names, key=lambda prefix: scores[f"{prefix}mase"])
    model_change = "" if delivered is None else describe_model_change(result.fitted, delivered)
    ratio = _divide(scores["mase"], scores[f"{naive}mase"])
    is_complete = not (result.excluded_series or model_change)
    return Trust(
        judge_together(series, ratio, independent, is_complete),
        forecasts,
        independent,
        ratio,
        names[naive],
        _read_coverages(scores, result.levels if any(entry.coverages for entry in series) else ()),
        tolerances,
        series,
        result.excluded_series,
        model_change,
    )


def count_independent(forecasts: int, step: int, horizon: int) -> int:
    """Return how many forecasts fit into the rows of overlapping ones without an overlap.

    >>> count_independent(405, 1, 52), count_independent(33, 1, 8), count_independent(9, 8, 8)
    (8, 5, 9)
    """
    return min(forecasts, ((forecasts - 1) * step + horizon) // horizon)


def find_tolerance(level: float | int, independent: int) -> float:
    """Return the deviation of a coverage from its level that is accepted, in percentage points.

    Two standard errors of the coverage of independent forecasts, but at least 5 points, and at most
    15, or less for high levels: a large shortfall is a fault however few the forecasts.

    >>> [find_tolerance(80, number) for number in (5, 100, 1000)], find_tolerance(95, 5)
    ([15.0, 8.0, 5.0], 10.0)
    """
    standard_error = math.sqrt(level * (100 - level) / max(1, independent))
    most = min(MAX_TOLERANCE, MIN_TOLERANCE + 100 - level)
    return float(round(min(most, max(MIN_TOLERANCE, 2 * standard_error))))


def judge_together(
    series: tuple[SeriesTrust, ...], error_ratio: float, independent: int, is_complete: bool
) -> State:
    """Return the judgement of all series: good only if all that can be judged are good.

    Args:
        series: the series.
        error_ratio: mean MASE over that of the better naive forecast.
        independent: number of independent forecasts.
        is_complete: whether all series of the table were scored, by the delivered choice of model.
    """
    states = [entry.state for entry in series if entry.state != "unknown"]
    if not states or independent < MIN_INDEPENDENT:
        return "unknown"
    if error_ratio > 1 + SAME_ERROR or 2 * states.count("bad") >= len(states):
        return "bad"
    is_checked = is_complete and all(entry.is_observed for entry in series)
    return "good" if is_checked and set(states) == {"good"} else "mixed"


def _judge_series(
    row: Mapping[Hashable, Any],
    names: Mapping[str, str],
    tolerances: Mapping[float | int, float],
    independent: float,
) -> SeriesTrust:
    """Judge a series by its row of scores.

    Args:
        row: the scores.
        names: the naive forecasts by the prefix of their scores.
        tolerances: accepted deviations of the coverage by level.
        independent: number of independent forecasts with observed values.
    """
    naive = min(names, key=lambda prefix: row[f"{prefix}mae"])
    ratio = _divide(row["mae"], row[f"{naive}mae"])
    if math.isnan(row["mase"]) and not row[f"{naive}mae"] > 0:
        ratio = math.nan  # constant in all rows: an error, if any, is one of rounding
    has_width = any(row[f"width-{level:g}"] > 0 for level in tolerances)
    is_varying = has_width and not math.isnan(ratio)
    coverages = _read_coverages(row, tolerances if is_varying else ())
    differences = {level: coverage - level for level, coverage in coverages.items()}
    narrow = tuple(level for level, gap in differences.items() if gap < -tolerances[level])
    wide = tuple(level for level, gap in differences.items() if gap > tolerances[level])
    is_observed = row["observed"] > 0
    entry = SeriesTrust(
        str(row["series"]),
        "unknown",
        ratio,
        names[naive],
        coverages,
        narrow,
        wide,
        bool(is_observed),
    )
    if math.isnan(entry.error_ratio) or round(independent) < MIN_INDEPENDENT:
        return entry
    return replace(entry, state=_rate(entry))


def _rate(entry: SeriesTrust) -> State:
    if entry.is_worse or (entry.narrow_levels and not entry.is_better):
        return "bad"
    return "mixed" if entry.narrow_levels or entry.wide_levels or not entry.is_better else "good"


def _read_coverages(scores: Mapping[Any, Any], levels: Any) -> dict[float | int, float]:
    coverages = {level: float(scores[f"coverage-{level:g}"]) for level in levels}
    return {level: coverage for level, coverage in coverages.items() if math.isfinite(coverage)}


def _name_naive_forecasts(result: BacktestResult) -> dict[str, str]:
    """Return the naive forecasts by the prefix of their scores."""
    names = {"repeat_": "repeating the last value"}
    if result.has_seasonal_baseline:
        step = StepWords.from_frequency(result.fitted.history.frequency)
        names["seasonal_naive_"] = f"repeating {step.describe_season(result.season)}"
    return names


def _divide(error: float, naive_error: float) -> float:
    """Return a ratio of errors; infinite if only the naive one is 0, NaN if both are."""
    if naive_error == 0:
        return math.inf if error > 0 else math.nan
    return float(error / naive_error)
