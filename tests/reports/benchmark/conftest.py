"""Tables and plots shared by the tests of the benchmark report."""

import pytest

from revin_forecast.reports.benchmark.input_tables import fill_tables
from revin_forecast.reports.benchmark.page import plot_all
from tests.support.benchmark_tables import DATA_SETS, make_report_tables


@pytest.fixture(scope="session")
def tables():
    """Return every table of a benchmark with every column."""
    return fill_tables(make_report_tables())


@pytest.fixture(scope="session")
def small_tables():
    """Return the tables of a benchmark of one data set, seed and backbone."""
    return make_report_tables(DATA_SETS[:1], seeds=(0,), backbones=("Ridge",))


@pytest.fixture(scope="session")
def plots(tables):
    """Return the plots of `tables` by key."""
    return {plot.key: plot for plot in plot_all(tables)}
