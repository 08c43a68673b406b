"""The report of a forecaster: the page that the command `forecast --report` writes."""

from pathlib import Path

from revin_forecast.data.formatting import format_names
from revin_forecast.data.reading.read_series import TableLike
from revin_forecast.data.write_table import check_file_path
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.reports.forecast.build_content import ReportedForecast, build_content
from revin_forecast.reports.forecast.page import write_forecast_report
from revin_forecast.reports.forecaster.shown_forecast import (
    Levels,
    ShownForecast,
    make_shown_forecast,
)

UNTESTED_REASON = (
    "The rows that this forecaster was fitted on are not known: it was loaded, updated or copied, "
    "or its table is large. For a backtest, pass the whole table: report(path, table)."
)
"""Reason for the absence of a backtest."""


def report_forecaster(
    forecaster: Forecaster,
    path: str | Path,
    table: TableLike | None,
    future: TableLike | None,
    level: Levels,
) -> Path:
    """Write the report of a forecaster; see `Forecaster.report`."""
    check_file_path(str(path), (".html",), "a report is one page, written")
    shown = make_shown_forecast(forecaster, table, future, level)
    argument = "" if table is None else ", table"
    has_all_rows = table is not None or forecaster.known_table is not None
    reported = ReportedForecast(
        forecaster,
        shown.rows,
        shown.table,
        shown.levels,
        shown.hidden_levels,
        {"file": _name_table(forecaster, table, shown)},
        f"{forecaster!r}.fit(table).report({Path(path).name!r}{argument})",
        shown.summary,
        shown.new_rows,
        future,
        next(iter(forecaster.config.selection.season), None),
        "" if has_all_rows else UNTESTED_REASON,
    )
    write_forecast_report(build_content(reported), Path(path))
    return Path(path)


def _name_table(forecaster: Forecaster, table: TableLike | None, shown: ShownForecast) -> str:
    """Return the name of the file, or the names of the series."""
    if isinstance(table, str | Path):
        return Path(table).name
    known = forecaster.known_table
    if table is None and known is not None and known.name:
        return known.name
    return format_names(shown.rows.select(forecaster.fitted.history.names).targets)
