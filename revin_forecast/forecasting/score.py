"""Score a fitted model on rows that follow those it was fitted on."""

from dataclasses import replace

import numpy as np
import torch

from revin_forecast.data.covariates import KnownColumns
from revin_forecast.data.formatting import pluralize
from revin_forecast.data.reading.read_series import TableLike, read_series
from revin_forecast.data.reading.rows.new_rows import read_new_rows
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel, find_model_season
from revin_forecast.forecasting.rolling_windows import iter_rolling_origins
from revin_forecast.metrics.error_sums import BY_SERIES, ErrorSums
from revin_forecast.metrics.seasonal_scale import naive_scale


def score_table(fitted: FittedModel, table: TableLike) -> float:
    """Return the negative MASE of every forecast of later rows; see `Estimator.score`."""
    series = _prepend_fitted_rows(fitted, table)
    names = [fitted.history.names[target] for target in fitted.targets]
    is_later = find_later_rows(fitted, series.select(names))
    config, rows = fitted.config, len(series)
    first_later = int(is_later.any(1).argmax()) if is_later.any() else rows
    start = max(first_later, config.lookback)
    if rows - start < config.horizon:
        raise InputError(
            f"the table has {pluralize(max(0, rows - start), 'row')} to score after "
            f"{_find_last(fitted)}, the last one fitted on, but a forecast has {config.horizon} "
            "steps. Pass more later rows, or fit on fewer; backtest fits on the first rows of a "
            "table and scores the others."
        )
    sums = ErrorSums(BY_SERIES)
    starts = range(start, rows - config.horizon + 1)
    units = torch.from_numpy(fitted.standardizer.select(fitted.targets).scale)
    for origins in iter_rolling_origins(fitted, series, starts, season=1):
        forecast = fitted.forecast(origins.past, origins.known)
        steps = origins.rows.numpy()[:, None] + np.arange(config.horizon)
        truth = origins.truth.masked_fill(~torch.from_numpy(is_later[steps]), torch.nan)
        # Differences of standardized values: the level cancels, so no digits are lost.
        sums.add(truth, [("mae", (forecast.double() - truth.double()).abs() * units)])
    unit = fitted.naive_scale
    if unit is None:  # saved by an earlier version: the rows here are the best evidence
        values = np.where(series.observed, series.values, np.nan)
        season = find_model_season(fitted)
        unit = naive_scale(torch.from_numpy(values[:, fitted.targets]), season).numpy()
    mase = sums.mean("mae").numpy() / unit
    has_mase = np.isfinite(mase)
    if not has_mase.any():
        raise InputError(
            "no series has a MASE: nothing was observed in the later rows, or the series did not "
            "change in the rows fitted on. Pass other rows."
        )
    return -float(mase[has_mase].mean())


def find_later_rows(fitted: FittedModel, series: Series) -> np.ndarray:
    """Return (time, targets) True in the rows after the last one of each series fitted on."""
    history = fitted.history.select(series.names)
    lasts = history.last_timestamps
    if lasts is None:
        lasts = history.timestamps[-1:].repeat(len(series.names))
    stamps = [timestamps for timestamps, _ in series.iter_channels()]
    return np.stack([own > last for own, last in zip(stamps, lasts, strict=True)], axis=1)


def _prepend_fitted_rows(fitted: FittedModel, table: TableLike) -> Series:
    """Return the rows of a table, with those that the model was fitted on in front.

    Raises:
        InputError: the table can't be read, or a series is missing.
    """
    history = fitted.history
    new_rows = read_new_rows(
        lambda frequency: read_series(table, like=history.format, frequency=frequency), history
    )
    earlier = history
    if fitted.known_columns is not None:
        earlier = _join_known_columns(history, fitted.known_columns)
    absent = [name for name in earlier.names if name not in new_rows.names]
    if absent:
        raise InputError(
            f"the table lacks {absent}; the forecaster was fitted on {list(earlier.names)}. Pass a "
            "table with the same columns."
        )
    new_rows = new_rows.select(earlier.names)
    if len(new_rows) and new_rows.frequency is not None:
        new_rows = new_rows.prepend_history(earlier, fitted.config.lookback)
    return new_rows if fitted.config.covariates else new_rows.align_ends()


def _join_known_columns(history: Series, known_columns: KnownColumns) -> Series:
    """Return the rows of a history with the columns that are known inputs."""
    columns = known_columns.history
    return replace(
        history,
        values=np.concatenate([history.values, columns.values], axis=1),
        names=(*history.names, *columns.names),
        filled=None,
    )


def _find_last(fitted: FittedModel) -> str:
    history = fitted.history
    last = (
        history.timestamps[-1] if history.last_timestamps is None else max(history.last_timestamps)
    )
    return str(last)
