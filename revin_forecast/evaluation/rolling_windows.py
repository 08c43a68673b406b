from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from revin_forecast.data.covariates import KnownColumns, known_covariates, table_columns
from revin_forecast.data.series import Series
from revin_forecast.data.windows import Windows
from revin_forecast.forecasting.fitted import FittedModel

MAX_BATCH_VALUES = 2**22


@dataclass(frozen=True, eq=False)
class OriginBatch:
    """Some windows of the test part, standardized; NaN where unobserved."""

    past: Tensor
    """(windows, lookback, channels): what the model sees."""
    last_season: Tensor
    """(windows, season, targets): an unobserved value is that of the season before, or before that;
    the last value alone where no whole season was."""
    last_values: Tensor
    """(windows, 1, targets): the last observed values, however long ago."""
    truth: Tensor
    """(windows, horizon, targets)."""
    known: Tensor | None
    """(windows, lookback + horizon, covariates)."""
    rows: Tensor
    """(windows,) of the table, each the first that is forecast."""


def iter_rolling_origins(
    fitted: FittedModel, series: Series, starts: range, season: int
) -> Iterator[OriginBatch]:
    """Yield the windows whose first targets are these rows; a bounded number at a time, in order.

    Args:
        fitted: on rows before the first of them.
        series: the whole table.
        starts: rows, each with a look-back before it and a horizon from it on.
        season: rows that a naive forecast looks back.
    """
    recipe, targets = fitted.config, fitted.targets
    start, step = starts.start, starts.step
    rows = slice(start - recipe.lookback, starts[-1] + recipe.horizon)
    seen = series.select(fitted.history.names)  # without the columns that are known beforehand
    values = fitted.standardizer.to_tensor(seen.values[rows])
    season = season if season <= start else 1
    seasonal, last = (_fill_from_last_season(fitted, seen, lag) for lag in (season, 1))
    known = select_known_covariates(fitted, series)
    known = None if known is None else known[rows]
    filled = None if seen.filled is None else torch.from_numpy(seen.filled[rows])
    windows = Windows(values, recipe.lookback, recipe.horizon, known, filled)
    length = recipe.lookback + season + 16 * recipe.horizon
    size = max(1, MAX_BATCH_VALUES // (length * values.shape[1])) * step
    for first in range(0, len(windows), size):
        past, future, ahead = windows[first : first + size : step]
        origins = torch.arange(start + first, start + first + size, step)[: len(past)]
        yield OriginBatch(
            past,
            seasonal[origins.unsqueeze(1) + torch.arange(-season, 0)],
            last[origins - 1].unsqueeze(1),
            future[..., targets],
            ahead,
            origins,
        )


def _fill_from_last_season(fitted: FittedModel, seen: Series, lag: int) -> Tensor:
    """Return (time, targets), standardized, each gap filled with the value so many rows before."""
    targets = list(fitted.targets)
    values = np.where(seen.observed, seen.values, np.nan)[:, targets]
    front = np.full((-len(values) % lag, len(targets)), np.nan)
    rows = np.concatenate([front, values]).reshape(-1, lag, len(targets))
    place = np.arange(len(rows))[:, None, None]
    before = np.maximum.accumulate(np.where(np.isfinite(rows), place, 0), axis=0)
    filled = np.take_along_axis(rows, before, axis=0).reshape(-1, len(targets))[len(front) :]
    return fitted.standardizer.select(targets).to_tensor(filled)


def select_known_covariates(fitted: FittedModel, series: Series) -> Tensor | None:
    """Return what is known of each row beforehand, (time, covariates); None: nothing."""
    names = fitted.config.covariates
    if not names:
        return None
    own = None
    if fitted.known_columns is not None:
        columns = series.select(table_columns(names))
        own = KnownColumns(columns, fitted.known_columns.standardizer).look_up_values(
            series.timestamps
        )
    return torch.tensor(known_covariates(names, series.timestamps, series.frequency, own))
