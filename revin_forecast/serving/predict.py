"""What a worker does with a request: read it, forecast, lay the answer out."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast import __version__
from revin_forecast.data.reading.new_rows import read_new_rows
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series
from revin_forecast.data.write_table import to_csv
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.models.intervals import QUANTILE_GRID
from revin_forecast.reports.forecast.fan_chart import build_fan_charts, fan_figure
from revin_forecast.serving.messages import WorkerRequest, WorkerResponse
from revin_forecast.serving.parse_request import parse_request, to_client_message

MAX_CHARTS = 20
"""Series drawn by the page, the first ones."""
TIME_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
"""How fine a time is, as numpy and as `isoformat` call it."""
DEFAULT_LEVELS = (50, 80, 90, 95, 99)
"""Levels that are offered where any can be had."""


def handle_request(
    forecaster: Forecaster, request: WorkerRequest, with_charts: bool, folder: Path
) -> WorkerResponse:
    """Forecast what was asked for.

    Args:
        forecaster: fitted.
        request: the request.
        with_charts: make charts, too.
        folder: the worker's own, which is the working one: messages then name files without it.
    """
    try:
        said = parse_request(request, folder)
        history = forecaster.fitted.history
        newer = None if said.table is None else _read_new_rows(said.table, request.decimal, history)
        table = forecaster.predict(newer, said.future, said.level)
    except InputError as error:
        return WorkerResponse(error=to_client_message(str(error)))
    except MemoryError:
        return WorkerResponse(error="the memory does not suffice; send fewer rows or columns.")
    figures = {}
    if with_charts:
        before = history if newer is None else newer.select(history.names)
        shown = build_fan_charts(before, table, said.level, MAX_CHARTS)
        figures = {fan.name: str(fan_figure(fan).to_json()) for fan in shown}
    return WorkerResponse(
        "", to_csv(table), [str(name) for name in table], _json_records(table), figures
    )


def _read_new_rows(table: pd.DataFrame | Path, decimal: Any, history: Series) -> Series:
    """Read newer rows in the rhythm of the model's."""
    source = table.name if isinstance(table, Path) else table
    read = partial(read_series, source, decimal=decimal, **asdict(history.layout))
    return read_new_rows(lambda frequency: read(frequency=frequency), history)


def _json_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON knows them: stamps as text, what is no number as null."""
    plain = {str(name): _json_column(column) for name, column in table.items()}
    return pd.DataFrame(plain).to_dict("records")


def _json_column(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        return _iso_timestamps(column)
    if column.dtype.kind == "f":
        column = column.where(np.isfinite(column))
    return column.astype(object).where(column.notna(), None)


def _iso_timestamps(column: pd.Series) -> pd.Series:
    """Return times as ISO 8601, all in one form: as fine as the finest takes, days or seconds."""
    times = pd.DatetimeIndex(column)
    wall = times.tz_localize(None).to_numpy()
    units = TIME_UNITS if times.tz else ("D", *TIME_UNITS)  # a day alone would lose its zone
    unit = next(one for one in units if (wall == wall.astype(f"datetime64[{one}]")).all())
    if unit == "D":
        return column.map(lambda stamp: str(stamp.date()))
    return column.map(lambda stamp: stamp.isoformat(timespec=TIME_UNITS[unit]))


def describe_model(forecaster: Forecaster) -> dict[str, Any]:
    """Return what a model is, as plain values."""
    fitted = forecaster.fitted
    history, summary = fitted.history, fitted.summary
    return {
        "series": [history.names[place] for place in fitted.targets],
        "inputs": list(history.inputs),
        "columns": {key: name for key, name in asdict(history.layout).items() if name},
        "step": history.frequency,
        "lookback": fitted.config.lookback,
        "horizon": fitted.config.horizon,
        "known": list(fitted.config.covariates),
        "future": [] if fitted.known_columns is None else list(fitted.known_columns.history.names),
        "levels": _available_levels(fitted),
        "any_level": fitted.intervals is not None,
        "fitted_on": {key: summary.get(key) for key in ("rows", "first", "last", "source")},
        "version": __version__,
    }


def _available_levels(fitted: FittedModel) -> list[float]:
    """Return levels that can be had: all of a model of quantiles, the usual ones of others."""
    if fitted.config.quantile_levels:
        return sorted(
            round(200 * level - 100, 6) for level in fitted.config.quantile_levels if level > 0.5
        )
    if fitted.intervals is None:
        return []
    highest = QUANTILE_GRID[np.isfinite(fitted.intervals.scores).all((1, 2))][-1]
    return [float(level) for level in DEFAULT_LEVELS if level <= 200 * highest - 100 + 1e-6]
