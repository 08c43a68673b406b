"""The work of a worker process: parse a request, forecast, and format the response."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast import __version__
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.reading.rows.new_rows import read_new_rows
from revin_forecast.data.series import Series
from revin_forecast.data.step_words import describe_frequency
from revin_forecast.data.write_table import to_csv
from revin_forecast.errors import InputError, naming_flags
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.reports.forecast.fan_chart import build_fan_charts, fan_figure
from revin_forecast.serving.messages import Form, WorkerRequest, WorkerResponse
from revin_forecast.serving.model_quality import describe_quality, note_age
from revin_forecast.serving.parse_request import parse_request, to_client_message

MAX_CHARTS = 20
"""Most series with a chart on the page: the first ones."""
TIME_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
"""Precision of a timestamp, numpy's name to the name in `isoformat`."""
DEFAULT_LEVELS = (50, 80, 90, 95, 99)
"""Interval levels that the page offers for a model without quantiles of its own, which has any."""


@dataclass(frozen=True, eq=False)
class RequestForecast:
    """The forecast for a request, before it is formatted."""

    before: Series
    """The rows before the forecast."""
    table: pd.DataFrame
    """The forecast."""
    level: Sequence[float]
    """Interval levels in percent."""
    notes: Sequence[str]
    """Notes on the reading of the table."""
    season: int | None = None
    """Steps of the season that the pretrained model used."""
    row_count: int = 0
    """Rows of the request's table."""


def handle_request(forecaster: Forecaster, request: WorkerRequest, folder: Path) -> WorkerResponse:
    """Forecast for a request with a saved model.

    Args:
        forecaster: the fitted forecaster.
        request: the request as it arrived.
        folder: the worker's own folder and working directory, so that messages name files without
            a path.
    """
    return respond(partial(_forecast_newer_rows, forecaster, request, folder), request.forms)


@naming_flags()  # `to_client_message` finds options as flags
def respond(forecast: Callable[[], RequestForecast], forms: Collection[Form]) -> WorkerResponse:
    """Return a forecast as a response, or the reason why there is none.

    Args:
        forecast: computes the forecast.
        forms: forms of the forecast that the response needs.
    """
    try:
        found = forecast()
    except InputError as error:
        return WorkerResponse(error=to_client_message(error.message))
    except MemoryError:
        return WorkerResponse(error="out of memory; send fewer rows or columns.")
    figures = {}
    if "figures" in forms:
        charts = build_fan_charts(found.before, found.table, found.level, MAX_CHARTS)
        figures = {chart.name: str(fan_figure(chart).to_json()) for chart in charts}
    return WorkerResponse(
        csv=to_csv(found.table) if "csv" in forms else "",
        columns=[str(name) for name in found.table],
        rows=_to_json_records(found.table) if "rows" in forms else [],
        notes=[to_client_message(note) for note in found.notes],
        figures=figures,
        series_count=len(found.before.targets),
        season=found.season,
        row_count=found.row_count,
    )


def describe_model(forecaster: Forecaster) -> dict[str, Any]:
    """Return a description of the model as plain values, for `GET /model`."""
    fitted = forecaster.fitted
    history, summary = fitted.history, fitted.summary
    return {
        "series": [history.names[target] for target in fitted.targets],
        "inputs": list(history.inputs),
        "columns": {
            role: list(name) if isinstance(name, tuple) else name
            for role in ("time", "id", "value")
            if (name := getattr(history.format, role)) is not None
        },
        "step": history.frequency,
        "step_words": history.frequency and describe_frequency(history.frequency),
        "lookback": fitted.config.lookback,
        "horizon": fitted.config.horizon,
        "known": list(summary.get("covariates", fitted.config.covariates)),
        "future": [] if fitted.known_columns is None else list(fitted.known_columns.history.names),
        "levels": _list_available_levels(fitted),
        "any_level": fitted.intervals is not None,
        "fitted_on": {key: summary.get(key) for key in ("rows", "first", "last", "source")},
        "quality": describe_quality(fitted),
        "version": __version__,
    }


def _forecast_newer_rows(
    forecaster: Forecaster, request: WorkerRequest, folder: Path
) -> RequestForecast:
    history = forecaster.fitted.history
    parsed = parse_request(request, folder, history.format)
    newer = (
        None
        if parsed.table is None
        else _read_newer_rows(parsed.table, request.decimal, forecaster.fitted)
    )
    table = forecaster.predict(newer, parsed.future, parsed.level)
    notes = list(table.attrs.get("notes", ()))
    if newer is None:
        return RequestForecast(history, table, parsed.level, notes)
    notes += note_age(newer, forecaster.fitted)
    before = newer.select(history.names)
    return RequestForecast(before, table, parsed.level, notes, row_count=len(newer))


def _read_newer_rows(table: pd.DataFrame | Path, decimal: Any, fitted: FittedModel) -> Series:
    """Read newer rows with the columns and the step of the model's history."""
    history = fitted.history
    source = table.name if isinstance(table, Path) else table
    seen = fitted.seen_values
    read = partial(read_series, source, decimal=decimal, like=history.format, seen=seen)
    return read_new_rows(lambda frequency: read(frequency=frequency), history)


def _to_json_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows in JSON's types: timestamps as text, values that are not finite as null."""
    # Lists, since a forecast has few rows: pandas would need some milliseconds for each column.
    columns = {str(name): _to_json_column(column) for name, column in table.items()}
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _to_json_column(column: pd.Series) -> list[Any]:
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        return _format_iso_timestamps(column)
    if column.dtype.kind == "f":
        return [value if math.isfinite(value) else None for value in column.tolist()]
    return [None if value is pd.NA or value != value else value for value in column.tolist()]


def _format_iso_timestamps(column: pd.Series) -> list[str]:
    """Return timestamps as ISO 8601, all with the least precision that loses nothing."""
    times = pd.DatetimeIndex(column)
    wall = times.tz_localize(None).to_numpy()
    # A date alone has no place for the offset of a time zone.
    units = TIME_UNITS if times.tz else ("D", *TIME_UNITS)
    unit: Any = next(unit for unit in units if (wall == wall.astype(f"datetime64[{unit}]")).all())
    if times.tz:
        return [stamp.isoformat(timespec=TIME_UNITS[unit]) for stamp in times]
    return np.datetime_as_string(wall, unit).tolist()


def _list_available_levels(fitted: FittedModel) -> list[float]:
    """Return the interval levels of a model of quantiles, or the usual levels of another model."""
    if fitted.config.quantile_levels:
        return sorted(
            round(200 * level - 100, 6) for level in fitted.config.quantile_levels if level > 0.5
        )
    return [] if fitted.intervals is None else [float(level) for level in DEFAULT_LEVELS]
