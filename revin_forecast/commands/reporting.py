"""What a forecast's page tells: backtest, shift card and oddities, measured for it."""

from datetime import date
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from revin_forecast.backtest import Backtest, backtest
from revin_forecast.backtest.scores import has_quantiles
from revin_forecast.commands.origin import source_of
from revin_forecast.data.entries import chronological_borders
from revin_forecast.data.frequency import season_of
from revin_forecast.data.problems import find_problems
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.forecaster import Forecaster
from revin_forecast.intervals import interval_levels
from revin_forecast.progress import progress
from revin_forecast.report.forecast.account import Account, ShiftCard
from revin_forecast.report.forecast.page import write_report
from revin_forecast.shift.card import card_sizes, shift_card

LEVELS = (80.0, 95.0)
"""Intervals drawn where none were asked for and the model has them."""
CARD_SERIES = 30
"""Series whose shift is measured, the first ones."""
SCORED = 2**24
"""Values that a backtest for the page scores at most; forecasts lie further apart beyond."""
TEST_SHARE = 0.2


def shown_levels(forecaster: Forecaster, asked: list[float] | None) -> list[float]:
    """Return the intervals to draw: those asked for, else the usual ones that the model has."""
    if asked:
        return asked
    fitted = forecaster.fitted
    return [level for level in LEVELS if has_quantiles(fitted, interval_levels(level))]


def write_forecast_report(
    path: str,
    file: str,
    forecaster: Forecaster,
    series: Series,
    forecast: pd.DataFrame,
    levels: list[float],
    command: str,
) -> None:
    """Measure what the page tells of a forecast, and write it.

    Args:
        path: of the page.
        file: that the series were read from.
        forecaster: fitted on all rows.
        series: all rows.
        forecast: with the intervals of `levels`.
        levels: in percent.
        command: a command line that does it again.
    """
    with progress("report") as advance:
        advance(0, "backtest")
        scored = _backtest(forecaster, series, levels)
        advance(0, "shift card")
        card = _card(series)
        advance(0, "writing")
        account = Account(
            source_of(file)["file"],
            series,
            forecast,
            levels,
            forecaster.fitted,
            scored,
            card,
            find_problems(series),
            command,
            _made(file),
        )
        write_report(account, Path(path))


def _backtest(forecaster: Forecaster, series: Series, levels: list[float]) -> Backtest | str:
    windows = len(series) * TEST_SHARE * forecaster.horizon * len(series.targets)
    step = max(1, round(windows / SCORED))
    try:
        return backtest(forecaster, series, TEST_SHARE, step, levels or None)
    except InputError as error:
        return str(error)


def _card(series: Series) -> ShiftCard | str:
    names = series.targets[:CARD_SERIES]
    borders = chronological_borders(len(series))
    try:
        sizes = card_sizes(borders.train, borders.test - borders.validation)
    except InputError as error:
        return str(error)
    rows = shift_card(
        series.select(names).values,
        borders.train,
        borders.validation,
        season_of(series.frequency),
        *sizes[:2],
        names,
    )
    return ShiftCard(rows, *sizes[:2], borders.train, borders.validation)


def _made(file: str) -> dict[str, object]:
    libraries = {name: version(name) for name in ("revin-forecast", "torch", "numpy", "pandas")}
    return {"date": date.today().isoformat(), **source_of(file), **libraries}
