"""The tables of the report as HTML: functions of tables, one a file."""

from revin_forecast.report.benchmark.tables.by_shift import render_shift_tables
from revin_forecast.report.benchmark.tables.checks import render_checks
from revin_forecast.report.benchmark.tables.data_sets import render_shift_cards
from revin_forecast.report.benchmark.tables.failures import render_failures
from revin_forecast.report.benchmark.tables.further import render_detail_tables
from revin_forecast.report.benchmark.tables.headline import render_leaderboard
from revin_forecast.report.benchmark.tables.provenance import render_provenance

__all__ = [
    "render_shift_tables",
    "render_checks",
    "render_failures",
    "render_detail_tables",
    "render_leaderboard",
    "render_provenance",
    "render_shift_cards",
]
