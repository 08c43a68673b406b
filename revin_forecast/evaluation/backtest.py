"""revin_forecast/evaluation/backtest.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch

from revin_forecast.data.reading.frequency import default_season
from revin_forecast.data.series import Series, format_names
from revin_forecast.errors import InputError
from revin_forecast.evaluation.backtest_scores import (
    DECILES,
    ForecastPaths,
    PathRecorder,
    ScoreAccumulator,
    has_quantiles,
)
from revin_forecast.evaluation.rolling_windows import iter_rolling_origins
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.metrics import seasonal_scale
from revin_forecast.models.intervals import interval_quantiles
from revin_forecast.utils.progress import progress


def split_for_backtest(
    series: Series, share: float, horizon: int
) -> tuple[Series, int, tuple[str, ...]]:
    """Return the series that can be fitted, the first row of the test part, and who is left out.

    Args:
        series: the whole table, each channel's own last row its last.
        share: of the rows for the test part, or of a typical channel's where they begin late.
        horizon: steps of a forecast, the least length of that part.

    Raises:
        InputError: no rows are left to fit on.
    """
    rows = len(series)
    typical = np.median(rows - series.first_observed)
    start = rows - max(horizon, int(share * typical))
    if start < 1:
        raise InputError(
            f"{rows} rows are too few for a test part of {rows - start} and rows before it to fit "
            "on. Choose a shorter horizon, or pass more rows."
        )
    unknown = np.flatnonzero(series.first_observed >= start)
    left_out = tuple(series.names[place] for place in unknown)
    left = series.select([name for name in series.names if name not in set(left_out)])
    if not left.targets:
        raise InputError(
            f"{format_names(left_out)} have no value before the test part, which begins at row "
            f"{start + 1} of {rows}. Choose a smaller test share."
        )
    return left, start, left_out


def seasonal_naive_scale(values: np.ndarray, season: int) -> np.ndarray:
    """Return what MASE is relative to, by channel: the mean change from season to season.

    That from row to row where a channel is too short for it, or repeats itself exactly; NaN where
    that is no measure either.

    Args:
        values: (time, channels) of the rows fitted on, NaN where unobserved.
        season: in rows.
    """
    found = np.full(values.shape[1], np.nan)
    for lag in (season, 1):
        if lag < len(values):
            unit = seasonal_scale(torch.from_numpy(values), lag).numpy()
            found = np.where(np.isnan(found) & (unit > 0), unit, found)
    return found


DEFAULT_INTERVAL_LEVELS = (80.0, 95.0)
"""Intervals scored where none are named and the model has them."""


@runtime_checkable
class SupportsFit(Protocol):
    """What fits a series and then is `fitted`: a `Forecaster`."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments that make another one like it."""
        ...

    def fit(self, table: Any) -> Any:
        """Fit on a series; return itself."""
        ...


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """Scores over the last rows of a table, which the model was not fitted on."""

    series_scores: pd.DataFrame
    """A row for each series. Columns: "series"; "observed", the values scored; "mase", "mse",
    "mae", the same with "repeat_" and "seasonal_naive_" before; "coverage-80" in percent and
    "width-80" for each interval; "wql" and "crps", over the deciles. NaN where there is none.
    Errors, widths and CRPS are in the table's units."""
    overall_scores: dict[str, float]
    """The same over all values; "mase" is the mean over series that have one. Where series have
    different units, MASE, WQL and coverage still tell something."""
    step_scores: pd.DataFrame
    """A row for each step ahead. Columns: "step"; "mase", "repeat_mase", "seasonal_naive_mase";
    "coverage-80" for each interval."""
    paths: ForecastPaths
    """Some of the forecasts themselves."""
    cutoffs: pd.DatetimeIndex
    """The last row seen by each forecast; where series end at different times, of those that end
    last."""
    season: int
    """Steps of the seasonal naive forecast, which MASE is relative to."""
    levels: tuple[float, ...]
    """Intervals scored, in percent."""
    excluded_series: tuple[str, ...]
    """Series without a value before the test part: nothing could be learnt of them."""
    fit_count: int
    """How often the model was fitted."""
    fitted: FittedModel
    """The first one."""
    step: int = 1
    """Rows from one origin to the next."""


def backtest(
    forecaster: SupportsFit,
    series: Series,
    test_share: float = 0.2,
    step: int = 1,
    level: Sequence[int | float] | None = None,
    season: int | None = None,
    refit: int | None = None,
    smape: bool = False,
) -> BacktestResult:
    """Fit on a series but for its last part, and forecast from rolling origins within that.

    Every forecast is made from the rows before it. Where series end at different times, the last
    part is each one's own.

    Args:
        forecaster: made anew from its parameters; it stays as it is.
        series: the whole table.
        test_share: of the rows, or of a typical series' where they begin late; one horizon at
            least.
        step: rows from one origin to the next.
        level: intervals to score, in percent; None: 80 and 95 where the model has them.
        season: steps of the seasonal naive forecast; None: the one that the model was chosen with,
            or the usual one of the rhythm.
        refit: fit again, on all rows before, once so many have come since the last fit; None: fit
            once.
        smape: score the symmetric percentage error, too; see `metrics.smape` for what is wrong
            with it.

    Raises:
        InputError: too few rows, nothing observed to score, or intervals the model can't give.

    >>> from revin_forecast import Forecaster
    >>> stamps = pd.date_range("2024-01-01", periods=70, freq="D")
    >>> values = np.arange(70.0)[:, None] % 7 + np.arange(70)[:, None] / 10
    >>> result = backtest(Forecaster(horizon=7), Series(values, stamps, ("sold",), "D"))
    >>> round(result.overall["mae"], 3), round(result.overall["repeat_mae"], 3)
    (0.0, 2.375)
    >>> len(result.origins)
    8
    """
    if not 0 < test_share < 1:
        raise InputError(f"the test share lies between 0 and 1 but got {test_share:g}; pass 0.2.")
    if step < 1:
        raise InputError(f"the step between origins is a number of rows from 1 up but got {step}.")
    if refit is not None and refit < 1:
        raise InputError(f"refit is a number of rows from 1 up but got {refit}.")
    parameters = forecaster.get_params(deep=False)
    horizon = int(parameters["horizon"])
    series, start, left_out = split_for_backtest(series.align_ends(), test_share, horizon)
    starts = range(start, len(series) - horizon + 1, step)
    blocks = _refit_blocks(starts, refit)
    first = _fit_before(forecaster, parameters, series, blocks[0])
    levels = _scored_levels(first, level)
    season = season or find_model_season(first)
    names = [first.history.names[target] for target in first.targets]
    scored = series.select(names)
    unit = seasonal_naive_scale(np.where(scored.observed, scored.values, np.nan)[:start], season)
    scores = ScoreAccumulator(levels, unit, has_quantiles(first, DECILES), smape)
    keeper = PathRecorder(names, starts, horizon)
    with progress("backtest", len(starts)) as advance:
        for number, block in enumerate(blocks):
            fitted = first if not number else _fit_before(forecaster, parameters, series, block)
            for origins in iter_rolling_origins(fitted, series, block, season):
                forecast = fitted.forecast(origins.past, origins.known)
                scores.add(fitted, origins, forecast)
                keeper.add(fitted, origins, forecast)
                advance(len(forecast))
    table = pd.DataFrame({"series": names, **scores.compute_series_scores()}).astype(
        {"observed": int}
    )
    if scores.compute_overall_scores()["observed"] == 0:
        raise InputError(
            f"no value of the last {len(series) - start} rows was observed, so there is nothing to "
            "score. Choose a larger test share."
        )
    return BacktestResult(
        table,
        scores.compute_overall_scores(),
        pd.DataFrame(scores.compute_step_scores()),
        keeper.build_paths(),
        series.timestamps[start - 1 : len(series) - horizon : step],
        season,
        levels,
        left_out,
        len(blocks),
        first,
        step,
    )


def _refit_blocks(starts: range, refit: int | None) -> list[range]:
    """Part the first rows of forecasts so that each part has a fit of its own."""
    if refit is None:
        return [starts]
    count = -(-refit // starts.step)  # forecasts from one fit to the next
    return [starts[place : place + count] for place in range(0, len(starts), count)]


def _fit_before(
    forecaster: SupportsFit, parameters: dict[str, Any], series: Series, starts: range
) -> FittedModel:
    """Fit one like the forecaster on the rows before the first forecast."""
    return type(forecaster)(**parameters).fit(series.slice_rows(0, starts.start)).fitted


def _scored_levels(fitted: FittedModel, level: Sequence[int | float] | None) -> tuple[float, ...]:
    """Return the intervals to score; those that were named must be there."""
    named = (
        DEFAULT_INTERVAL_LEVELS
        if level is None
        else tuple(dict.fromkeys(float(one) for one in level))
    )
    required = level is not None
    return tuple(one for one in named if has_quantiles(fitted, interval_quantiles(one), required))


def find_model_season(fitted: FittedModel) -> int:
    """Return the season that a model was chosen with, or the usual one of its rhythm."""
    chosen = fitted.summary.get("selection", {}).get("season")
    return chosen or default_season(fitted.history.frequency)
