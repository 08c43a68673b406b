"""The tables of the report as HTML: functions of tables, one a file."""

from revin_forecast.report.benchmark.tables.by_shift import by_shift
from revin_forecast.report.benchmark.tables.checks import checks
from revin_forecast.report.benchmark.tables.data_sets import shift_cards
from revin_forecast.report.benchmark.tables.failures import failures
from revin_forecast.report.benchmark.tables.further import further
from revin_forecast.report.benchmark.tables.headline import headline
from revin_forecast.report.benchmark.tables.provenance import provenance

__all__ = [
    "by_shift",
    "checks",
    "failures",
    "further",
    "headline",
    "provenance",
    "shift_cards",
]
