"""The report and the image of a forecast, with the backtest and shift card they show."""

from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from revin_forecast.cli.validation import fingerprint_file
from revin_forecast.data.catalog.catalog import split_7_1_2
from revin_forecast.data.quality_checks import find_issues
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series
from revin_forecast.data.write_table import check_file_path
from revin_forecast.errors import InputError
from revin_forecast.evaluation import BacktestResult, backtest
from revin_forecast.forecasting.describe_forecast import describe_forecast
from revin_forecast.forecasting.fitted import find_model_season
from revin_forecast.forecasting.forecast_summary import ForecastSummary
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.reports.forecast.content import ReportContent, ShiftCard
from revin_forecast.reports.forecast.fan_chart import build_fan_charts
from revin_forecast.reports.forecast.image import IMAGE_SUFFIXES, MAX_SERIES, write_image
from revin_forecast.reports.forecast.interval_levels import choose_levels
from revin_forecast.reports.forecast.page import write_forecast_report
from revin_forecast.shift.card.card import card_window_sizes, measure_card, tabulate_verdicts
from revin_forecast.shift.card.verdict import judge_channels
from revin_forecast.utils.parallel import Engine
from revin_forecast.utils.progress import progress

MAX_CARD_SERIES = 30
"""Number of series in the shift card; the first ones are used."""
MAX_EXPLAINED_SERIES = 12
"""Number of series whose forecast is divided into contributions; the first ones are used."""
MAX_SCORED_VALUES = 2**24
"""Most values that the report's backtest scores; a larger test part is forecast every few rows."""
NO_NEW_FIT = (
    "This forecast is that of a saved model, which was not fitted again. For a backtest, run "
    "revin-forecast backtest on the table."
)
"""Reason for the absence of a backtest in the report of a saved model."""
TEST_SHARE = 0.2
"""Share of the rows on which the report's backtest scores forecasts."""


def check_output_paths(report: str | None, plot: str | None) -> None:
    """Check the paths of a report and an image before any work is done.

    Raises:
        InputError: a path has another suffix, is a folder, or its folder does not exist.
    """
    if report is not None:
        check_file_path(report, (".html",), "a report is one page, written")
    if plot is not None:
        check_file_path(plot, IMAGE_SUFFIXES, "a picture is written")


def write_report_and_plot(
    forecaster: Forecaster,
    series: Series,
    arguments: Mapping[str, Any],
    command_line: str,
    table: Any,
    summary: ForecastSummary | None,
    engine: Engine | None,
) -> list[str]:
    """Write a report of a forecast, an image of it, or both; return a message for each.

    Args:
        forecaster: fitted on all rows.
        series: all rows.
        arguments: arguments of the command `forecast`.
        command_line: the command line that reproduces the forecast.
        table: the forecast as a data frame, with intervals of the requested levels.
        summary: summary of the forecast; None: the report begins without it.
        engine: repeats the forecast if other levels are shown; None for this process.
    """
    report, plot = arguments["report"], arguments["plot"]
    levels, unnamed = choose_levels(forecaster.fitted, arguments["level"])
    if levels and not arguments["level"]:
        table = forecaster.predict(future=arguments["future"], level=levels, engine=engine)
    # Without the columns of known covariates.
    modelled = series.select(forecaster.fitted.history.names)
    if plot is not None:
        write_image(build_fan_charts(modelled, table, levels, MAX_SERIES), Path(plot))
    if report is not None:
        season = next(iter(arguments["selection"].season), None)
        with progress("report") as advance:
            advance(0, "backtest")
            result = _backtest_or_reason(forecaster, series, [*levels, *unnamed], season)
            advance(0, "shift card")
            card = _shift_card_or_reason(modelled, season or find_model_season(forecaster.fitted))
            advance(0, "writing")
            source = fingerprint_file(arguments["file"])
            content = ReportContent(
                source["file"],
                modelled,
                table,
                levels,
                forecaster.fitted,
                result,
                card,
                find_issues(modelled),
                command_line,
                _provenance(source),
                unnamed,
                None if summary is None else describe_forecast(summary),
                _contributions_or_reason(forecaster, None, arguments["future"]),
            )
            write_forecast_report(content, Path(report))
    outputs = ((plot, "an image of the forecast"), (report, "the report"))
    return [f"{path}: {description}" for path, description in outputs if path]


def write_new_report_and_plot(
    forecaster: Forecaster,
    new_rows: Series | None,
    arguments: Mapping[str, Any],
    command_line: str,
    table: Any,
    summary: ForecastSummary,
) -> list[str]:
    """Write a report of a saved forecaster's forecast, an image of it, or both.

    Args:
        forecaster: a loaded forecaster.
        new_rows: rows before the forecast; None for the rows that it was fitted on.
        arguments: arguments of the command `predict`.
        command_line: the command line that reproduces the forecast.
        table: the forecast as a data frame, with intervals of the requested levels.
        summary: summary of the forecast.

    Returns:
        A message for each file.
    """
    report, plot = arguments["report"], arguments["plot"]
    levels, unnamed = choose_levels(forecaster.fitted, arguments["level"])
    if levels and not arguments["level"]:
        table = forecaster.predict(new_rows, arguments["future"], levels)
    history = forecaster.fitted.history if new_rows is None else new_rows
    # New rows may have more columns than the model uses.
    modelled = history.select(forecaster.fitted.history.names)
    if plot is not None:
        write_image(build_fan_charts(modelled, table, levels, MAX_SERIES), Path(plot))
    if report is not None:
        file = arguments["file"]
        # The rows of the fit are not saved, only those that a forecast needs.
        source = {"file": Path(arguments["model"]).name} if file is None else fingerprint_file(file)
        content = ReportContent(
            source["file"],
            modelled,
            table,
            levels,
            forecaster.fitted,
            NO_NEW_FIT,
            _shift_card_or_reason(modelled, find_model_season(forecaster.fitted)),
            find_issues(modelled),
            command_line,
            _provenance(source),
            unnamed,
            describe_forecast(summary),
            _contributions_or_reason(forecaster, new_rows, arguments["future"]),
        )
        write_forecast_report(content, Path(report))
    outputs = ((plot, "an image of the forecast"), (report, "the report"))
    return [f"{path}: {description}" for path, description in outputs if path]


def _backtest_or_reason(
    forecaster: Forecaster, series: Series, levels: Sequence[float], season: int | None
) -> BacktestResult | str:
    """Return a backtest, or the reason why there is none."""
    values = len(series) * TEST_SHARE * forecaster.horizon * len(series.targets)
    step = max(1, round(values / MAX_SCORED_VALUES))
    try:
        return backtest(forecaster, series, TEST_SHARE, step, levels or None, season)
    except InputError as error:
        return str(error)


def _contributions_or_reason(
    forecaster: Forecaster, new_rows: Series | None, future: str | None
) -> Any:
    """Return a frame of contributions to the first and the last step, or the reason why not."""
    fitted = forecaster.fitted
    names = [fitted.history.names[index] for index in fitted.targets][:MAX_EXPLAINED_SERIES]
    steps = sorted({1, forecaster.horizon})
    try:
        return forecaster.explain(new_rows, future, steps, names)
    except InputError as error:
        # Keep the reason only: the remedy in the second sentence is another fit.
        return str(error).partition(". ")[0] + "."


def _shift_card_or_reason(series: Series, season: int) -> ShiftCard | str:
    names = series.targets[:MAX_CARD_SERIES]
    borders = split_7_1_2(len(series))
    try:
        sizes = card_window_sizes(borders.train, borders.test - borders.validation)
    except InputError as error:
        # Keep the reason only: the fix in the second sentence names options of `shift-card`.
        return str(error).partition(". ")[0] + "."
    values = series.select(names).values
    rows = measure_card(values, borders.train, borders.validation, season, *sizes[:2], names)
    # The forecast is for what follows the last row, so its advice may see all rows.
    scaled = Standardizer.fit(values[: borders.train]).transform(values)
    verdicts = tabulate_verdicts(judge_channels(scaled, borders.train, *sizes[:2]))
    rows = rows.assign(**{name: verdicts[name] for name in verdicts})
    return ShiftCard(rows, *sizes[:2], borders.train, borders.validation)


def _provenance(source: Mapping[str, str]) -> dict[str, object]:
    libraries = {name: version(name) for name in ("revin-forecast", "torch", "numpy", "pandas")}
    return {"date": date.today().isoformat(), **source, **libraries}
