"""What a forecast's page tells: backtest, shift card and oddities, measured for it."""

from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from revin_forecast.backtest import Backtest, backtest
from revin_forecast.backtest.run import season_of_fit
from revin_forecast.commands import forecast
from revin_forecast.commands.shared.again import command_line
from revin_forecast.commands.shared.origin import source_of
from revin_forecast.data.entries import chronological_borders
from revin_forecast.data.problems import find_problems
from revin_forecast.data.series import Series
from revin_forecast.data.writing import check_place
from revin_forecast.engines import Engine
from revin_forecast.errors import InputError
from revin_forecast.forecaster import Forecaster
from revin_forecast.progress import progress
from revin_forecast.report.forecast.account import Account, ShiftCard
from revin_forecast.report.forecast.fan import fans
from revin_forecast.report.forecast.levels import shown_levels
from revin_forecast.report.forecast.page import write_report
from revin_forecast.report.forecast.static import ENDINGS, MOST, write_plot
from revin_forecast.shift.card import card_sizes, shift_card

CARD_SERIES = 30
"""Series whose shift is measured, the first ones."""
SCORED = 2**24
"""Values that a backtest for the page scores at most; forecasts lie further apart beyond."""
TEST_SHARE = 0.2


def check_places(report: str | None, plot: str | None) -> None:
    """Refuse paths that a page and a picture can't be written to, before any work is done.

    Raises:
        InputError: another ending, a folder, or in a folder that is not there.
    """
    if report is not None:
        check_place(report, (".html",), "a report is one page, written")
    if plot is not None:
        check_place(plot, ENDINGS, "a picture is written")


def draw(
    report: str | None,
    plot: str | None,
    forecaster: Forecaster,
    series: Series,
    given: Mapping[str, Any],
    table: Any,
    engine: Engine | None,
) -> list[str]:
    """Write a page about a forecast, or a picture of it, or both; return a line about each.

    Args:
        report: path of the page.
        plot: path of the picture.
        forecaster: fitted on all rows.
        series: all rows.
        given: what the command `forecast` was called with.
        table: the forecast as a data frame, with the levels that were asked for.
        engine: makes it again where other levels are shown; None: this process.
    """
    levels, unnamed = shown_levels(forecaster.fitted, given["level"])
    if levels and not given["level"]:
        table = forecaster.predict(future=given["future"], level=levels, engine=engine)
    known = series.select(forecaster.fitted.history.names)  # without what is known beforehand
    if plot is not None:
        write_plot(fans(known, table, levels, MOST), Path(plot))
    if report is not None:
        season = next(iter(given["season"] or ()), None)
        # Without any, the backtest finds the usual ones that its fewer rows suffice for.
        own = given["level"] or forecaster.fitted.recipe.levels
        scored = [*levels, *unnamed] if own else []
        with progress("report") as advance:
            advance(0, "backtest")
            result = _backtest(forecaster, series, scored, season)
            advance(0, "shift card")
            card = _card(known, season or season_of_fit(forecaster.fitted))
            advance(0, "writing")
            source = source_of(given["file"])
            account = Account(
                source["file"],
                known,
                table,
                levels,
                forecaster.fitted,
                result,
                card,
                find_problems(known),
                command_line(forecast.forecast, given, "file"),
                _made(source),
                unnamed,
            )
            write_report(account, Path(report))
    return [f"{path}: {what}" for path, what in ((plot, "a picture"), (report, "a page")) if path]


def draw_newer(
    plot: str,
    forecaster: Forecaster,
    newer: Series | None,
    future: str | None,
    level: list[float] | None,
    table: Any,
) -> None:
    """Draw a forecast of a saved model into a picture.

    Args:
        plot: path of the picture.
        forecaster: loaded.
        newer: rows before the forecast; None: those it was fitted on.
        future: table of what is known beforehand.
        level: intervals asked for.
        table: the forecast as a data frame, with those.
    """
    levels, _ = shown_levels(forecaster.fitted, level)
    if levels and not level:
        table = forecaster.predict(newer, future, levels)
    history = forecaster.fitted.history if newer is None else newer
    only = history.select(forecaster.fitted.history.names)  # it may hold more than the model knows
    write_plot(fans(only, table, levels, MOST), Path(plot))


def _backtest(
    forecaster: Forecaster, series: Series, levels: Sequence[float], season: int | None
) -> Backtest | str:
    """Return a backtest with those of the levels that fewer rows suffice for, or why there is none.

    Without any of them, it has the usual ones that they suffice for.
    """
    windows = len(series) * TEST_SHARE * forecaster.horizon * len(series.targets)
    step = max(1, round(windows / SCORED))
    problem, narrowest = "", sorted(levels)
    for count in range(len(narrowest), -1, -1):
        some = narrowest[:count] or None
        try:
            return backtest(forecaster, series, TEST_SHARE, step, some, season)
        except InputError as error:
            problem = str(error)
    return problem


def _card(series: Series, season: int) -> ShiftCard | str:
    names = series.targets[:CARD_SERIES]
    borders = chronological_borders(len(series))
    try:
        sizes = card_sizes(borders.train, borders.test - borders.validation)
    except InputError as error:  # its remedy is for the command shift-card
        return str(error).partition(". ")[0] + "."
    rows = shift_card(
        series.select(names).values,
        borders.train,
        borders.validation,
        season,
        *sizes[:2],
        names,
    )
    return ShiftCard(rows, *sizes[:2], borders.train, borders.validation)


def _made(source: Mapping[str, str]) -> dict[str, object]:
    libraries = {name: version(name) for name in ("revin-forecast", "torch", "numpy", "pandas")}
    return {"date": date.today().isoformat(), **source, **libraries}
