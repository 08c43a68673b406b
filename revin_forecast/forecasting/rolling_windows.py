"""Cut the test part of a series into rolling windows, as the model and the baselines see them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from revin_forecast.data.covariates import KnownColumns, known_covariates, table_columns
from revin_forecast.data.series import Series
from revin_forecast.data.windows import Windows
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.utils.shapes import Future, Known, Past

MAX_BATCH_VALUES = 2**22
"""Most values in a batch of windows: 16 MiB in float32."""


@dataclass(frozen=True, eq=False)
class OriginBatch:
    """A batch of test windows, standardized; NaN where unobserved."""

    past: Past
    """(windows, lookback, channels): input of the model."""
    last_season: Tensor
    """(windows, season, targets): input of the seasonal naive forecast. An unobserved value is
    that of the latest season with one; a single step if there was no whole season."""
    last_values: Tensor
    """(windows, 1, targets): the last observed values, however old."""
    truth: Future
    """(windows, horizon, targets)."""
    known: Known | None
    """(windows, lookback + horizon, covariates)."""
    rows: Tensor
    """(windows,): first row of the table that each window forecasts."""


def iter_rolling_origins(
    fitted: FittedModel, series: Series, starts: range, season: int
) -> Iterator[OriginBatch]:
    """Yield the windows whose targets begin at some rows, in order and in batches.

    Args:
        fitted: a model fitted on rows before the first of them.
        series: the whole table.
        starts: first target rows; the table must hold a look-back before and a horizon from each.
        season: steps of the seasonal naive forecast.
    """
    config, targets = fitted.config, fitted.targets
    start, step = starts.start, starts.step
    rows = slice(start - config.lookback, starts[-1] + config.horizon)
    channels = series.select(fitted.history.names)  # without the columns that are known inputs
    values = fitted.standardizer.to_tensor(channels.values[rows], fitted.dtype)
    season = season if season <= start else 1
    seasonal, last = (_fill_from_last_season(fitted, channels, lag) for lag in (season, 1))
    known = select_known_covariates(fitted, series)
    known = None if known is None else known[rows]
    filled = None if channels.filled is None else torch.from_numpy(channels.filled[rows])
    windows = Windows(values, config.lookback, config.horizon, known, filled)
    # About 16 values for each step of the horizon: truth, three forecasts and their quantiles.
    values_per_channel = config.lookback + season + 16 * config.horizon
    size = max(1, MAX_BATCH_VALUES // (values_per_channel * values.shape[1])) * step
    for first in range(0, len(windows), size):
        past, future, known_batch = windows[first : first + size : step]
        origins = torch.arange(start + first, start + first + size, step)[: len(past)]
        yield OriginBatch(
            past,
            seasonal[origins.unsqueeze(1) + torch.arange(-season, 0)],
            last[origins - 1].unsqueeze(1),
            future[..., targets],
            known_batch,
            origins,
        )


def select_known_covariates(fitted: FittedModel, series: Series) -> Tensor | None:
    """Return the known inputs of each row, (time, covariates); None for a model without any."""
    names = fitted.config.covariates
    if not names:
        return None
    column_values = None
    if fitted.known_columns is not None:
        columns = KnownColumns(
            series.select(table_columns(names)), fitted.known_columns.standardizer
        )
        column_values = columns.look_up_values(series.timestamps)
    return torch.tensor(known_covariates(names, series.timestamps, series.frequency, column_values))


def _fill_from_last_season(fitted: FittedModel, series: Series, lag: int) -> Tensor:
    """Return (time, targets), standardized; gaps take the value a multiple of `lag` rows before."""
    targets = list(fitted.targets)
    values = np.where(series.observed, series.values, np.nan)[:, targets]
    # Rows of a season side by side, padded in front; then the last observed row per column.
    padding = np.full((-len(values) % lag, len(targets)), np.nan)
    seasons = np.concatenate([padding, values]).reshape(-1, lag, len(targets))
    number = np.arange(len(seasons))[:, None, None]
    last_observed = np.maximum.accumulate(np.where(np.isfinite(seasons), number, 0), axis=0)
    filled = np.take_along_axis(seasons, last_observed, axis=0)
    filled = filled.reshape(-1, len(targets))[len(padding) :]
    return fitted.standardizer.select(targets).to_tensor(filled, fitted.dtype)
