"""What a worker does with a request: read it, forecast, lay the answer out."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast import __version__
from revin_forecast.data.newer import read_newer
from revin_forecast.data.reading import read_series
from revin_forecast.data.series import Series
from revin_forecast.data.writing import as_csv
from revin_forecast.errors import InputError
from revin_forecast.fitted import Fitted
from revin_forecast.forecaster import Forecaster
from revin_forecast.intervals import GRID
from revin_forecast.report.forecast.fan import fan_figure, fans
from revin_forecast.serving.messages import Answer, Asked
from revin_forecast.serving.request import wanted
from revin_forecast.serving.wording import worded

MOST_DRAWN = 20
"""Series drawn by the page, the first ones."""
FORMS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
"""How fine a time is, as numpy and as `isoformat` call it."""
USUAL = (50, 80, 90, 95, 99)
"""Levels that are offered where any can be had."""


def answered(forecaster: Forecaster, asked: Asked, drawn: bool, folder: Path) -> Answer:
    """Forecast what was asked for.

    Args:
        forecaster: fitted.
        asked: the request.
        drawn: make charts, too.
        folder: the worker's own, which is the working one: messages then name files without it.
    """
    try:
        said = wanted(asked, folder)
        history = forecaster.fitted.history
        newer = None if said.table is None else _newer(said.table, asked.decimal, history)
        table = forecaster.predict(newer, said.future, said.level)
    except InputError as error:
        return Answer(problem=worded(str(error)))
    except MemoryError:
        return Answer(problem="the memory does not suffice; send fewer rows or columns.")
    figures = {}
    if drawn:
        before = history if newer is None else newer.select(history.names)
        shown = fans(before, table, said.level, MOST_DRAWN)
        figures = {fan.name: str(fan_figure(fan).to_json()) for fan in shown}
    return Answer("", as_csv(table), [str(name) for name in table], _records(table), figures)


def _newer(table: pd.DataFrame | Path, decimal: Any, history: Series) -> Series:
    """Read newer rows in the rhythm of the model's."""
    source = table.name if isinstance(table, Path) else table
    read = partial(read_series, source, decimal=decimal, **asdict(history.layout))
    return read_newer(lambda frequency: read(frequency=frequency), history)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON knows them: stamps as text, what is no number as null."""
    plain = {str(name): _plain(column) for name, column in table.items()}
    return pd.DataFrame(plain).to_dict("records")


def _plain(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        return _stamps(column)
    if column.dtype.kind == "f":
        column = column.where(np.isfinite(column))
    return column.astype(object).where(column.notna(), None)


def _stamps(column: pd.Series) -> pd.Series:
    """Return times as ISO 8601, all in one form: as fine as the finest takes, days or seconds."""
    times = pd.DatetimeIndex(column)
    wall = times.tz_localize(None).to_numpy()
    units = FORMS if times.tz else ("D", *FORMS)  # a day alone would lose its zone
    unit = next(one for one in units if (wall == wall.astype(f"datetime64[{one}]")).all())
    if unit == "D":
        return column.map(lambda stamp: str(stamp.date()))
    return column.map(lambda stamp: stamp.isoformat(timespec=FORMS[unit]))


def described(forecaster: Forecaster) -> dict[str, Any]:
    """Return what a model is, as plain values."""
    fitted = forecaster.fitted
    history, summary = fitted.history, fitted.summary
    return {
        "series": [history.names[place] for place in fitted.targets],
        "inputs": list(history.inputs),
        "columns": {key: name for key, name in asdict(history.layout).items() if name},
        "step": history.frequency,
        "lookback": fitted.recipe.lookback,
        "horizon": fitted.recipe.horizon,
        "known": list(fitted.recipe.covariates),
        "future": [] if fitted.columns is None else list(fitted.columns.history.names),
        "levels": _levels(fitted),
        "any_level": fitted.intervals is not None,
        "fitted_on": {key: summary.get(key) for key in ("rows", "first", "last", "source")},
        "version": __version__,
    }


def _levels(fitted: Fitted) -> list[float]:
    """Return levels that can be had: all of a model of quantiles, the usual ones of others."""
    if fitted.recipe.levels:
        return sorted(round(200 * level - 100, 6) for level in fitted.recipe.levels if level > 0.5)
    if fitted.intervals is None:
        return []
    highest = GRID[np.isfinite(fitted.intervals.scores).all((1, 2))][-1]
    return [float(level) for level in USUAL if level <= 200 * highest - 100 + 1e-6]
