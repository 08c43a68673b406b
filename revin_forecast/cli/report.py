"""The report and the image of a forecast that the commands write."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from revin_forecast.cli.validation import fingerprint_file
from revin_forecast.data.series import Series
from revin_forecast.data.write_table import check_file_path
from revin_forecast.evaluation.trust import Trust
from revin_forecast.forecasting.forecast_summary import ForecastSummary
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.reports.forecast.build_content import ReportedForecast, build_content
from revin_forecast.reports.forecast.fan_chart import FanChart, build_fan_charts
from revin_forecast.reports.forecast.image import (
    IMAGE_SUFFIXES,
    MAX_SERIES,
    choose_image_engine,
    describe_undrawn,
    write_image,
)
from revin_forecast.reports.forecast.interval_levels import choose_levels
from revin_forecast.reports.forecast.page import write_forecast_report
from revin_forecast.utils.parallel import Engine

NO_NEW_FIT = (
    "This forecast is that of a saved model, which was not fitted again. For a backtest, run "
    "revin-forecast backtest on the table."
)
"""Reason for the absence of a backtest in the report of a saved model."""


def check_output_paths(report: str | None, plot: str | None) -> None:
    """Check the paths of a report and an image before any work is done.

    Raises:
        InputError: a path has another suffix, is a folder, or its folder does not exist; or no
            library is installed that draws images.
    """
    if report is not None:
        check_file_path(report, (".html",), "a report is one page, written")
    if plot is not None:
        check_file_path(plot, IMAGE_SUFFIXES, "a picture is written")
        choose_image_engine(plot)


def write_report_and_plot(
    forecaster: Forecaster,
    series: Series,
    arguments: Mapping[str, Any],
    command_line: str,
    table: Any,
    summary: ForecastSummary | None,
    engine: Engine | None,
) -> tuple[list[str], Trust | None]:
    """Write a report of a forecast, an image of it, or both.

    Args:
        forecaster: fitted on all rows.
        series: all rows.
        arguments: arguments of the command `forecast`.
        command_line: the command line that reproduces the forecast.
        table: the forecast as a data frame, with intervals of the requested levels.
        summary: summary of the forecast; None: the report begins without it.
        engine: repeats the forecast if other levels are shown; None for this process.

    Returns:
        A message for each file, and the judgement of the report's backtest, None without one.
    """
    trust = None
    report, plot = arguments["report"], arguments["plot"]
    levels, unnamed = choose_levels(forecaster.fitted, arguments["level"])
    if levels and not arguments["level"]:
        table = forecaster.predict(future=arguments["future"], level=levels, engine=engine)
    # Without the columns of known covariates.
    modelled = series.select(forecaster.fitted.history.names)
    if plot is not None:
        _write_plot(build_fan_charts(modelled, table, levels, MAX_SERIES), modelled, arguments)
    if report is not None:
        reported = ReportedForecast(
            forecaster,
            series,
            table,
            levels,
            unnamed,
            fingerprint_file(arguments["file"]),
            command_line,
            summary,
            future=arguments["future"],
            season=next(iter(arguments["selection"].season), None),
        )
        content = build_content(reported)
        trust = content.trust
        write_forecast_report(content, Path(report))
    outputs = ((plot, "an image of the forecast"), (report, "the report"))
    return [f"{path}: {description}" for path, description in outputs if path], trust


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
        _write_plot(build_fan_charts(modelled, table, levels, MAX_SERIES), modelled, arguments)
    if report is not None:
        file = arguments["file"]
        # The rows of the fit are not saved, only those that a forecast needs.
        source = {"file": Path(arguments["model"]).name} if file is None else fingerprint_file(file)
        reported = ReportedForecast(
            forecaster,
            history,
            table,
            levels,
            unnamed,
            source,
            command_line,
            summary,
            new_rows,
            arguments["future"],
            untested_reason=NO_NEW_FIT,
        )
        write_forecast_report(build_content(reported), Path(report))
    outputs = ((plot, "an image of the forecast"), (report, "the report"))
    return [f"{path}: {description}" for path, description in outputs if path]


def _write_plot(charts: Sequence[FanChart], series: Series, arguments: Mapping[str, Any]) -> None:
    """Write the image of a forecast; series that are left out are named on stderr."""
    count = len(series.targets)
    source = Path(arguments["file"] or arguments["model"]).name
    write_image(charts, Path(arguments["plot"]), f"Forecast of {source}", count)
    if undrawn := describe_undrawn(count):
        print(undrawn, file=sys.stderr)
