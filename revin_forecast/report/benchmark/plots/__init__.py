"""The plots of the report, in its order: functions of tables and looks, one a file."""

from collections.abc import Callable

from revin_forecast.report.benchmark.looks import Looks
from revin_forecast.report.benchmark.plots.base import Plot
from revin_forecast.report.benchmark.plots.break_even import break_even
from revin_forecast.report.benchmark.plots.cost import cost_against_gain
from revin_forecast.report.benchmark.plots.heat_map import heat_map
from revin_forecast.report.benchmark.plots.natural import natural_deciles
from revin_forecast.report.benchmark.plots.pairs import paired_dots
from revin_forecast.report.benchmark.plots.ranks import rank_diagram
from revin_forecast.report.benchmark.plots.recovery import recovery_curves
from revin_forecast.report.benchmark.plots.removable import removable_against_gain
from revin_forecast.report.benchmark.plots.scatter import clean_against_shifted
from revin_forecast.report.benchmark.plots.severity import observation_curves, process_curves
from revin_forecast.report.benchmark.plots.windows import example_windows
from revin_forecast.report.benchmark.reading import Tables

PLOTS: tuple[Callable[[Tables, Looks], Plot], ...] = (
    process_curves,
    observation_curves,
    recovery_curves,
    heat_map,
    clean_against_shifted,
    removable_against_gain,
    natural_deciles,
    example_windows,
    paired_dots,
    rank_diagram,
    break_even,
    cost_against_gain,
)
