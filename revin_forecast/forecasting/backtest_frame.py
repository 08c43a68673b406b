"""The forecasts of a backtest as a table: a row for each cutoff, series and step."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.predict import name_columns
from revin_forecast.forecasting.rolling_forecasts import ForecastBatch, RollingForecasts
from revin_forecast.models.intervals import interval_quantiles
from revin_forecast.utils.arguments import check_levels
from revin_forecast.utils.memory import memory_bytes
from revin_forecast.utils.progress import progress
from revin_forecast.utils.shapes import Future

DEFAULT_INTERVAL_LEVELS = (80.0, 95.0)
"""Interval levels of a backtest if none are named, where the model has them."""
FORECAST_COLUMN = "forecast"
"""Column of the point forecast, and prefix of the limits: forecast-lo-80, forecast-hi-80."""
MAX_PART_ROWS = 2**17
"""Most rows of a part of the frame."""
BYTES_PER_CELL = 24
"""Peak memory of a cell of the frame, while its parts are joined."""


def build_backtest_frame(
    forecasts: RollingForecasts, level: Sequence[int | float] | int | float | None = None
) -> pd.DataFrame:
    """Return the forecasts and the values that followed.

    Args:
        forecasts: the model of the first rows, and the cutoffs.
        level: interval levels in percent; None: 80 and 95 where the model has them.

    Returns:
        A row for each cutoff, series and step, in this order, whatever the layout of the table.
        Columns: "unique_id", the series; "ds", the time; "cutoff", the time of the last row before
        the forecast; "y", the value, NaN where none was observed; "forecast"; "forecast-lo-80" and
        "forecast-hi-80" for each level.

    Raises:
        InputError: the model lacks a level, or the frame does not fit into memory.
    """
    builder = FrameBuilder(forecasts, select_levels(forecasts.first_fit, level))
    builder.check_memory()
    parts: list[pd.DataFrame] = []
    with progress("backtest", len(forecasts.starts)) as advance:
        for batch in forecasts.iter_batches():
            parts += builder.build_parts(batch)
            advance(len(batch.forecast))
    return pd.concat(parts, ignore_index=True)


class FrameBuilder:
    """Builds the parts of a backtest's frame from its batches.

    Args:
        forecasts: the cutoffs and the series.
        levels: interval levels in percent.
    """

    def __init__(self, forecasts: RollingForecasts, levels: Sequence[int | float]):
        self.horizon = forecasts.horizon
        self.names = np.array(forecasts.target_names, dtype=object)
        self.levels_by_suffix = name_columns(levels)
        self._quantiles = sorted({level for level in self.levels_by_suffix.values() if level})
        self._series = forecasts.series.select(forecasts.target_names)
        self._stamps, self._groups = _collect_timestamps(self._series)
        self._windows, self._step = len(forecasts.starts), forecasts.starts.step

    @property
    def rows(self) -> int:
        """Number of rows of the whole frame."""
        return self._windows * self.horizon * len(self.names)

    def check_memory(self) -> None:
        """Check that the frame fits into half of the memory.

        Raises:
            InputError: it does not.
        """
        size = self.rows * BYTES_PER_CELL * (4 + len(self.levels_by_suffix))
        limit = memory_bytes() / 2
        if size <= limit:
            return
        step = self._step * int(np.ceil(size / limit))
        raise InputError(
            f"{self._windows:,} cutoffs, {len(self.names):,} series and {self.horizon:,} steps "
            f"make a frame of {self.rows:,} rows, which takes {size / 2**30:,.1f} GiB. Choose "
            f"cutoffs {step:,} rows apart, or write the frame in parts, by the command: "
            "revin-forecast backtest FILE --horizon H --out frame.parquet"
        )

    def build_parts(self, batch: ForecastBatch) -> list[pd.DataFrame]:
        """Return the rows of a batch, at most about `MAX_PART_ROWS` in a part."""
        columns = self._compute_columns(batch)
        rows = batch.origins.rows.numpy()
        size = max(1, MAX_PART_ROWS // (self.horizon * len(self.names)))
        return [
            self._build_part(
                rows[first : first + size],
                {suffix: values[first : first + size] for suffix, values in columns.items()},
            )
            for first in range(0, len(rows), size)
        ]

    def _compute_columns(self, batch: ForecastBatch) -> dict[str, np.ndarray]:
        """Return (windows, horizon, targets) forecasts in the table's units by suffix."""
        fitted, origins = batch.fitted, batch.origins
        forecasts: dict[float | None, Future] = {None: batch.forecast}
        if self._quantiles:
            quantiles = fitted.quantiles(origins.past, self._quantiles, origins.known)
            forecasts |= dict(zip(self._quantiles, quantiles.unbind(-1), strict=True))
        columns: dict[str, np.ndarray] = {}
        for suffix, level in self.levels_by_suffix.items():
            values = forecasts[level].numpy()
            columns[suffix] = fitted.to_table_units(values, level, columns.get(""))
        return columns

    def _build_part(self, starts: np.ndarray, columns: dict[str, np.ndarray]) -> pd.DataFrame:
        windows, targets = len(starts), len(self.names)
        steps = starts[:, None, None] + np.arange(self.horizon)  # (windows, 1, horizon)
        targets_index = np.arange(targets)[:, None]
        offset = self._groups[:, None] * len(self._series)
        shape = (windows, targets, self.horizon)
        cutoffs = np.broadcast_to(starts[:, None, None] - 1 + offset, shape)
        observed = self._series.observed[steps, targets_index]
        parts = {
            "unique_id": np.tile(np.repeat(self.names, self.horizon), windows),
            "ds": self._stamps.take((steps + offset).ravel()),
            "cutoff": self._stamps.take(cutoffs.ravel()),
            "y": np.where(observed, self._series.values[steps, targets_index], np.nan).ravel(),
        }
        for suffix, values in columns.items():
            parts[f"{FORECAST_COLUMN}{suffix}"] = values.transpose(0, 2, 1).ravel()
        return pd.DataFrame(parts)


def select_levels(
    fitted: FittedModel, level: Sequence[int | float] | int | float | None
) -> tuple[float, ...]:
    """Return the interval levels of a backtest.

    Raises:
        InputError: the model lacks a level that was named.
    """
    requested = (
        DEFAULT_INTERVAL_LEVELS if level is None else tuple(dict.fromkeys(check_levels(level)))
    )
    required = level is not None
    return tuple(
        percent
        for percent in requested
        if has_quantiles(fitted, interval_quantiles(percent), required)
    )


def has_quantiles(fitted: FittedModel, levels: Sequence[float], required: bool = False) -> bool:
    """Return whether a model has quantiles at some levels.

    Raises:
        InputError: it does not have them, and they are required.
    """
    config = fitted.config
    # Forecasting a window of zeros asks models of quantiles and conformal intervals alike.
    past = torch.zeros(1, config.lookback, len(fitted.history.names))
    known = torch.zeros(1, config.lookback + config.horizon, len(config.covariates))
    try:
        fitted.quantiles(past, levels, known if config.covariates else None)
    except InputError:
        if required:
            raise
        return False
    return True


def _collect_timestamps(series: Series) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """Return the timestamps of all rows, one end after the other, and each series' end.

    Series that end at different times have different timestamps in the same row.
    """
    if series.last_timestamps is None:
        return series.timestamps, np.zeros(len(series.names), dtype=int)
    _, first, groups = np.unique(series.last_timestamps, return_index=True, return_inverse=True)
    examples = series.select([series.names[index] for index in first])
    stamps = [timestamps for timestamps, _ in examples.iter_channels()]
    return pd.DatetimeIndex(stamps[0].append(stamps[1:])), groups
