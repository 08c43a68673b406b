"""Backtest a forecaster: fit on the rows before a cutoff and score rolling forecasts after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.evaluation.backtest_scores import (
    DECILES,
    ForecastPaths,
    PathRecorder,
    ScoreAccumulator,
)
from revin_forecast.forecasting.backtest_frame import (
    FrameBuilder,
    has_quantiles,
    select_levels,
)
from revin_forecast.forecasting.fitted import FittedModel, find_model_season
from revin_forecast.forecasting.rolling_forecasts import RollingForecasts
from revin_forecast.forecasting.supports_fit import SupportsFit
from revin_forecast.metrics.seasonal_scale import naive_scale
from revin_forecast.utils.progress import progress


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """Scores over the last rows of a table, which the model was not fitted on."""

    series_scores: pd.DataFrame
    """A row for each series. Columns: "series"; "observed", the number of values scored; "mase",
    "mse" and "mae", also with the prefixes `repeat_` and `seasonal_naive_`; "coverage-80" in
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

    @property
    def has_seasonal_baseline(self) -> bool:
        """Whether repeating the last season is possible and differs from the last value.

        Without a full season before the first forecast, `SeasonalNaive` repeats the last value,
        and MASE is scaled by the error of doing so.
        """
        return 1 < self.season < int(self.paths.next_rows[0])


def backtest(
    forecaster: SupportsFit,
    series: Series,
    test_share: float = 0.2,
    step: int = 1,
    level: Sequence[int | float] | int | float | None = None,
    season: int | None = None,
    refit: int | None = None,
    smape: bool = False,
    write_part: Callable[[pd.DataFrame], None] | None = None,
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
        write_part: receives the forecasts in parts, which together are the frame of
            `Forecaster.backtest`; None: only scores are kept.

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
    forecasts = RollingForecasts.from_test_share(forecaster, series, test_share, step, refit)
    first_fit, names, series = forecasts.first_fit, forecasts.target_names, forecasts.series
    start, horizon = forecasts.starts.start, forecasts.horizon
    levels = select_levels(first_fit, level)
    season = season or find_model_season(first_fit)
    scored = series.select(names)
    # Interpolated values are not measurements, so they count in the scale of MASE as unobserved.
    measured = np.where(scored.observed, scored.values, np.nan)[:start]
    unit = naive_scale(torch.from_numpy(measured), season)
    scores = ScoreAccumulator(levels, unit, has_quantiles(first_fit, DECILES), smape)
    recorder = PathRecorder(names, forecasts.starts, horizon)
    frame = FrameBuilder(forecasts, levels)
    with progress("backtest", len(forecasts.starts)) as advance:
        for batch in forecasts.iter_batches(season):
            scores.add(*batch)
            recorder.add(*batch)
            if write_part is not None:
                for part in frame.build_parts(batch):
                    write_part(part)
            advance(len(batch.forecast))
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
        forecasts.excluded_series,
        len(forecasts.blocks),
        first_fit,
        step,
    )
