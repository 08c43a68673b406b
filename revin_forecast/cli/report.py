"""What a forecast's page tells: backtest, shift card and oddities, measured for it."""

from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from revin_forecast.cli.validation import fingerprint_file
from revin_forecast.data.catalog.catalog import split_7_1_2
from revin_forecast.data.quality_checks import find_issues
from revin_forecast.data.series import Series
from revin_forecast.data.write_table import check_file_path
from revin_forecast.errors import InputError
from revin_forecast.evaluation import BacktestResult, backtest
from revin_forecast.evaluation.backtest import find_model_season
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.parallel import Engine
from revin_forecast.reports.forecast.content import ReportContent, ShiftCard
from revin_forecast.reports.forecast.fan_chart import build_fan_charts
from revin_forecast.reports.forecast.image import IMAGE_SUFFIXES, MAX_SERIES, write_image
from revin_forecast.reports.forecast.interval_levels import choose_levels
from revin_forecast.reports.forecast.page import write_forecast_report
from revin_forecast.shift.card.card import card_window_sizes, shift_card
from revin_forecast.utils.progress import progress

MAX_CARD_SERIES = 30
"""Series whose shift is measured, the first ones."""
MAX_SCORED_VALUES = 2**24
"""Values that a backtest for the page scores at most; forecasts lie further apart beyond."""
TEST_SHARE = 0.2


def check_output_paths(report: str | None, plot: str | None) -> None:
    """Refuse paths that a page and a picture can't be written to, before any work is done.

    Raises:
        InputError: another ending, a folder, or in a folder that is not there.
    """
    if report is not None:
        check_file_path(report, (".html",), "a report is one page, written")
    if plot is not None:
        check_file_path(plot, IMAGE_SUFFIXES, "a picture is written")


def write_report_and_plot(
    report: str | None,
    plot: str | None,
    forecaster: Forecaster,
    series: Series,
    arguments: Mapping[str, Any],
    command_line: str,
    table: Any,
    engine: Engine | None,
) -> list[str]:
    """Write a page about a forecast, or a picture of it, or both; return a line about each.

    Args:
        report: path of the page.
        plot: path of the picture.
        forecaster: fitted on all rows.
        series: all rows.
        arguments: what the command `forecast` was called with.
        command_line: the command that makes the same forecast again.
        table: the forecast as a data frame, with the levels that were asked for.
        engine: makes it again where other levels are shown; None: this process.
    """
    levels, unnamed = choose_levels(forecaster.fitted, arguments["level"])
    if levels and not arguments["level"]:
        table = forecaster.predict(future=arguments["future"], level=levels, engine=engine)
    known = series.select(forecaster.fitted.history.names)  # without what is known beforehand
    if plot is not None:
        write_image(build_fan_charts(known, table, levels, MAX_SERIES), Path(plot))
    if report is not None:
        season = next(iter(arguments["season"] or ()), None)
        # Without any, the backtest finds the usual ones that its fewer rows suffice for.
        own = arguments["level"] or forecaster.fitted.config.quantile_levels
        scored = [*levels, *unnamed] if own else []
        with progress("report") as advance:
            advance(0, "backtest")
            result = _backtest_or_reason(forecaster, series, scored, season)
            advance(0, "shift card")
            card = _shift_card_or_reason(known, season or find_model_season(forecaster.fitted))
            advance(0, "writing")
            source = fingerprint_file(arguments["file"])
            account = ReportContent(
                source["file"],
                known,
                table,
                levels,
                forecaster.fitted,
                result,
                card,
                find_issues(known),
                command_line,
                _provenance(source),
                unnamed,
            )
            write_forecast_report(account, Path(report))
    return [f"{path}: {what}" for path, what in ((plot, "a picture"), (report, "a page")) if path]


def plot_new_forecast(
    plot: str,
    forecaster: Forecaster,
    new_rows: Series | None,
    future: str | None,
    level: list[float] | None,
    table: Any,
) -> None:
    """Draw a forecast of a saved model into a picture.

    Args:
        plot: path of the picture.
        forecaster: loaded.
        new_rows: rows before the forecast; None: those it was fitted on.
        future: table of what is known beforehand.
        level: intervals asked for.
        table: the forecast as a data frame, with those.
    """
    levels, _ = choose_levels(forecaster.fitted, level)
    if levels and not level:
        table = forecaster.predict(new_rows, future, levels)
    history = forecaster.fitted.history if new_rows is None else new_rows
    only = history.select(forecaster.fitted.history.names)  # it may hold more than the model knows
    write_image(build_fan_charts(only, table, levels, MAX_SERIES), Path(plot))


def _backtest_or_reason(
    forecaster: Forecaster, series: Series, levels: Sequence[float], season: int | None
) -> BacktestResult | str:
    """Return a backtest with those of the levels that fewer rows suffice for, or why there is none.

    Without any of them, it has the usual ones that they suffice for.
    """
    windows = len(series) * TEST_SHARE * forecaster.horizon * len(series.targets)
    step = max(1, round(windows / MAX_SCORED_VALUES))
    problem, narrowest = "", sorted(levels)
    for count in range(len(narrowest), -1, -1):
        some = narrowest[:count] or None
        try:
            return backtest(forecaster, series, TEST_SHARE, step, some, season)
        except InputError as error:
            problem = str(error)
    return problem


def _shift_card_or_reason(series: Series, season: int) -> ShiftCard | str:
    names = series.targets[:MAX_CARD_SERIES]
    borders = split_7_1_2(len(series))
    try:
        sizes = card_window_sizes(borders.train, borders.test - borders.validation)
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


def _provenance(source: Mapping[str, str]) -> dict[str, object]:
    libraries = {name: version(name) for name in ("revin-forecast", "torch", "numpy", "pandas")}
    return {"date": date.today().isoformat(), **source, **libraries}
