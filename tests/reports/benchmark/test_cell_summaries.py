"""The summaries of the cells, from which a recorded page is written again."""

import pytest

from revin_forecast.reports.benchmark.cell_summaries import summarize_cells
from revin_forecast.reports.benchmark.input_tables import SUMMARY_COLUMNS, fill_tables
from revin_forecast.reports.benchmark.plots.curves import (
    plot_observation_curves,
    plot_process_curves,
    plot_recovery_curves,
)
from revin_forecast.reports.benchmark.plots.example_windows import (
    plot_example_windows,
    select_examples,
)
from revin_forecast.reports.benchmark.plots.shift_size import plot_break_even
from revin_forecast.reports.benchmark.style import assign_styles
from revin_forecast.reports.benchmark.tables.context import provenance_facts, render_failures
from revin_forecast.reports.benchmark.tables.details import render_detail_tables
from tests.support.benchmark_tables import NORMALIZERS

STYLES = assign_styles(NORMALIZERS, ("SeasonalNaive",))


@pytest.fixture(scope="module")
def complete_tables(small_tables):
    """Return tables without failed cells, as a record has them."""
    cells = small_tables["cells"]
    cells = cells.assign(status=cells["status"].replace("failed", "excluded"))
    cells = cells.assign(oracle=0.5, regret=cells["mase_pb"] - 0.5, eg=cells["mase_pb"] / 100)
    return fill_tables({**small_tables, "cells": cells})


@pytest.fixture(scope="module")
def recorded_tables(complete_tables):
    """Return the same tables with the summaries in the place of the cells."""
    tables = {name: frame for name, frame in complete_tables.items() if name != "cells"}
    return fill_tables({**tables, **summarize_cells(complete_tables)})


@pytest.mark.parametrize(
    "draw",
    [plot_process_curves, plot_observation_curves, plot_recovery_curves, plot_break_even],
)
def test_figures_of_a_record_are_those_of_its_cells(complete_tables, recorded_tables, draw):
    measured, recorded = (draw(tables, STYLES) for tables in (complete_tables, recorded_tables))
    assert measured.figures
    assert measured == recorded


def test_tables_of_a_record_are_those_of_its_cells(complete_tables, recorded_tables):
    assert recorded_tables["cells"].empty
    assert all(len(recorded_tables[name]) for name in SUMMARY_COLUMNS)
    for render in (render_detail_tables, render_failures):
        assert render(recorded_tables) == render(complete_tables)
    assert provenance_facts(recorded_tables, {}) == provenance_facts(complete_tables, {})


def test_selected_examples_give_the_same_choices(complete_tables, monkeypatch):
    monkeypatch.setattr("revin_forecast.reports.benchmark.plots.example_windows.MAX_CHOICES", 4)
    figures = plot_example_windows(complete_tables, STYLES).figures
    selected = select_examples(complete_tables["examples"])
    assert len(selected) < len(complete_tables["examples"])
    assert (
        plot_example_windows({**complete_tables, "examples": selected}, STYLES).figures == figures
    )
