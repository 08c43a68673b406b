"""The plots of the report, in its order: functions of tables and looks, one a file."""

from collections.abc import Callable

from revin_forecast.report.benchmark.looks import Styles
from revin_forecast.report.benchmark.plots.base import Plot
from revin_forecast.report.benchmark.plots.break_even import plot_break_even
from revin_forecast.report.benchmark.plots.cost import plot_cost
from revin_forecast.report.benchmark.plots.heat_map import plot_heat_map
from revin_forecast.report.benchmark.plots.natural import plot_natural_shift
from revin_forecast.report.benchmark.plots.pairs import plot_pairwise_ratios
from revin_forecast.report.benchmark.plots.ranks import plot_ranks
from revin_forecast.report.benchmark.plots.recovery import plot_recovery_curves
from revin_forecast.report.benchmark.plots.removable import plot_removability
from revin_forecast.report.benchmark.plots.scatter import plot_robustness
from revin_forecast.report.benchmark.plots.severity import plot_observation_curves, plot_process_curves
from revin_forecast.report.benchmark.plots.windows import plot_example_windows
from revin_forecast.report.benchmark.reading import Tables

PLOTS: tuple[Callable[[Tables, Styles], Plot], ...] = (
    plot_process_curves,
    plot_observation_curves,
    plot_recovery_curves,
    plot_heat_map,
    plot_robustness,
    plot_removability,
    plot_natural_shift,
    plot_example_windows,
    plot_pairwise_ratios,
    plot_ranks,
    plot_break_even,
    plot_cost,
)
