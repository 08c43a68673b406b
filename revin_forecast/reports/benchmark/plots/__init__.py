"""The plots of the report in page order, as functions of its tables and styles."""

from collections.abc import Callable

from revin_forecast.reports.benchmark.input_tables import Tables
from revin_forecast.reports.benchmark.plots.comparisons import plot_pairwise_ratios, plot_ranks
from revin_forecast.reports.benchmark.plots.curves import (
    plot_observation_curves,
    plot_process_curves,
    plot_recovery_curves,
)
from revin_forecast.reports.benchmark.plots.example_windows import plot_example_windows
from revin_forecast.reports.benchmark.plots.gains import plot_gains
from revin_forecast.reports.benchmark.plots.heat_map import plot_heat_map
from revin_forecast.reports.benchmark.plots.plot import Plot
from revin_forecast.reports.benchmark.plots.scatter import (
    plot_cost,
    plot_removability,
    plot_robustness,
)
from revin_forecast.reports.benchmark.plots.shift_size import plot_break_even, plot_natural_shift
from revin_forecast.reports.benchmark.style import Styles

PLOTS: tuple[Callable[[Tables, Styles], Plot], ...] = (
    plot_gains,
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
