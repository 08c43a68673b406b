"""Backtest a forecaster: fit on the rows before a cutoff and score rolling forecasts after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from revin_forecast.data.formatting import format_names
from revin_forecast.data.reading.frequency import default_season
from revin_forecast.data.series import Series
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
from revin_forecast.forecasting.supports_fit import SupportsFit
from revin_forecast.metrics.seasonal_scale import naive_scale
from revin_forecast.models.intervals import interval_quantiles
from revin_forecast.utils.progress import progress

DEFAULT_INTERVAL_LEVELS = (80.0, 95.0)
"""Interval levels scored if none are named, where the model has them."""


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """Scores over the last rows of a table, which the model was not fitted on."""

    series_scores: pd.DataFrame
    """A row for each series. Columns: "series"; "observed", the number of values scored; "mase",
    "mse" and "mae", also with the prefixes "repeat_" and "seasonal_naive_"; "coverage-80" in
    percent and "width-80" for each interval level; "wql" and "crps", over the deciles. NaN where a
    score is undefined. Errors, widths and CRPS are in the table's units."""
    overall_scores: dict[str, float]
    """The same scores over all values; "mase" is the mean over the series that have one. If series
    have different units, only MASE, WQL and coverage are comparable."""
    step_scores: pd.DataFrame
    """A row for each step ahead. Columns: "step"; "mase", "repeat_mase", "seasonal_naive_mase";
    "coverage-80" for each interval level."""
    paths: ForecastPaths
    """Some of the forecasts themselves."""
    cutoffs: pd.DatetimeIndex
    """Timestamp of the last row before each forecast; if series end at different times, that of
    the series that end last."""
    season: int
    """Steps of the seasonal naive forecast that MASE is relative to."""
    levels: tuple[float, ...]
    """Interval levels scored, in percent."""
    excluded_series: tuple[str, ...]
    """Series without a value before the test part, on which no model can be fitted."""
    fit_count: int
    """Number of fits."""
    fitted: FittedModel
    """The model of the first fit."""
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
    """Fit on all but the last part of a series and forecast from rolling origins in that part.

    Every forecast is made from the rows before it. If series end at different times, the last part
    is each series' own.

    Args:
        forecaster: a new one is built from its parameters; this one does not change.
        series: the whole table.
        test_share: share of the rows to test on, or of a typical series' rows if series begin late;
            at least one horizon.
        step: rows from one origin to the next.
        level: interval levels to score, in percent; None: 80 and 95 where the model has them.
        season: steps of the seasonal naive forecast; None: the season the model was selected with,
            or the default season of the frequency.
        refit: rows after which the model is fitted again on all rows so far; None: fit once.
        smape: also score the symmetric percentage error; see `metrics.smape` for its flaws.

    Raises:
        InputError: too few rows, no observed value to score, or an interval level the model does
            not have.

    >>> from revin_forecast import Forecaster
    >>> stamps = pd.date_range("2024-01-01", periods=70, freq="D")
    >>> values = np.arange(70.0)[:, None] % 7 + np.arange(70)[:, None] / 10
    >>> result = backtest(Forecaster(horizon=7), Series(values, stamps, ("sold",), "D"))
    >>> scores = result.overall_scores
    >>> round(scores["mae"], 3), round(scores["repeat_mae"], 3)
    (0.0, 2.375)
    >>> len(result.cutoffs)
    8
    """
    _check_options(test_share, step, refit)
    parameters = forecaster.get_params(deep=False)
    horizon = int(parameters["horizon"])
    series, start, excluded = split_for_backtest(series.align_ends(), test_share, horizon)
    starts = range(start, len(series) - horizon + 1, step)
    blocks = _split_into_refit_blocks(starts, refit)
    first_fit = _fit_before(forecaster, parameters, series, blocks[0])
    levels = _select_scored_levels(first_fit, level)
    season = season or find_model_season(first_fit)
    names = [first_fit.history.names[target] for target in first_fit.targets]
    scored = series.select(names)
    # Interpolated values are not measurements, so they count in the scale of MASE as unobserved.
    measured = np.where(scored.observed, scored.values, np.nan)[:start]
    unit = naive_scale(torch.from_numpy(measured), season)
    scores = ScoreAccumulator(levels, unit, has_quantiles(first_fit, DECILES), smape)
    recorder = PathRecorder(names, starts, horizon)
    with progress("backtest", len(starts)) as advance:
        for number, block in enumerate(blocks):
            fitted = _fit_before(forecaster, parameters, series, block) if number > 0 else first_fit
            for origins in iter_rolling_origins(fitted, series, block, season):
                forecast = fitted.forecast(origins.past, origins.known)
                scores.add(fitted, origins, forecast)
                recorder.add(fitted, origins, forecast)
                advance(len(forecast))
    overall_scores = scores.compute_overall_scores()
    if overall_scores["observed"] == 0:
        raise InputError(
            f"no value of the last {len(series) - start} rows was observed, so there is nothing to "
            "score. Choose a larger test share."
        )
    series_scores = pd.DataFrame({"series": names, **scores.compute_series_scores()})
    return BacktestResult(
        series_scores.astype({"observed": int}),
        overall_scores,
        pd.DataFrame(scores.compute_step_scores()),
        recorder.build_paths(),
        series.timestamps[start - 1 : len(series) - horizon : step],
        season,
        levels,
        excluded,
        len(blocks),
        first_fit,
        step,
    )


def split_for_backtest(
    series: Series, share: float, horizon: int
) -> tuple[Series, int, tuple[str, ...]]:
    """Return the series that can be fitted, the first test row and the excluded series.

    Args:
        series: the whole table; each channel must end in the last row (`Series.align_ends`).
        share: share of the rows to test on, or of a typical channel's rows if channels begin late.
        horizon: steps to forecast, the least length of the test part.

    Raises:
        InputError: no row or no series is left to fit on.
    """
    rows = len(series)
    # The median: one channel that begins late must not shrink the test part of all others.
    typical = np.median(rows - series.first_observed)
    start = rows - max(horizon, int(share * typical))
    if start < 1:
        raise InputError(
            f"{rows} rows are too few for a test part of {rows - start} and rows before it to fit "
            "on. Choose a shorter horizon, or pass more rows."
        )
    begins_late = np.flatnonzero(series.first_observed >= start)
    excluded = tuple(series.names[channel] for channel in begins_late)
    fittable = series.select([name for name in series.names if name not in set(excluded)])
    if not fittable.targets:
        raise InputError(
            f"{format_names(excluded)} have no value before the test part, which begins at row "
            f"{start + 1} of {rows}. Choose a smaller test share."
        )
    return fittable, start, excluded


def find_model_season(fitted: FittedModel) -> int:
    """Return the season that a model was selected with, or the default season of its frequency."""
    selected = fitted.summary.get("selection", {}).get("season")
    return selected or default_season(fitted.history.frequency)


def _check_options(test_share: float, step: int, refit: int | None) -> None:
    if not 0 < test_share < 1:
        raise InputError(f"the test share lies between 0 and 1 but got {test_share:g}; pass 0.2.")
    if step < 1:
        raise InputError(f"the step between origins is a number of rows from 1 up but got {step}.")
    if refit is not None and refit < 1:
        raise InputError(f"refit is a number of rows from 1 up but got {refit}.")


def _split_into_refit_blocks(starts: range, refit: int | None) -> list[range]:
    """Split the first rows of the forecasts into blocks that share a fit."""
    if refit is None:
        return [starts]
    # Rounded up: a refit needs `refit` new rows, so it may wait for the next origin.
    origins_per_fit = -(-refit // starts.step)
    return [
        starts[first : first + origins_per_fit] for first in range(0, len(starts), origins_per_fit)
    ]


def _fit_before(
    forecaster: SupportsFit, parameters: dict[str, Any], series: Series, starts: range
) -> FittedModel:
    """Fit a forecaster with the same parameters on the rows before the first forecast."""
    return type(forecaster)(**parameters).fit(series.slice_rows(0, starts.start)).fitted


def _select_scored_levels(
    fitted: FittedModel, level: Sequence[int | float] | None
) -> tuple[float, ...]:
    """Return the interval levels to score.

    Raises:
        InputError: the model lacks a level that was named.
    """
    requested = (
        DEFAULT_INTERVAL_LEVELS
        if level is None
        else tuple(dict.fromkeys(float(percent) for percent in level))
    )
    required = level is not None
    return tuple(
        percent
        for percent in requested
        if has_quantiles(fitted, interval_quantiles(percent), required)
    )
