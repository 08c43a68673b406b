"""The tables of the report."""

import html
import re

import numpy as np

from revin_forecast.reports.benchmark import tables as html_tables
from revin_forecast.reports.benchmark.input_tables import fill_tables
from revin_forecast.reports.html import ratio_cell
from tests.support.benchmark_tables import HOSTILE, NORMALIZERS


def test_ratios_are_marked_if_their_interval_excludes_1(tables):
    ratios = {
        "number better": (0.8, 0.7, 0.9),
        "number": (0.9, 0.7, 1.1),
        "number worse": (2.0, 1.1, 3.0),
    }
    assert all(
        ratio_cell(*interval).css_class == css_class for css_class, interval in ratios.items()
    )
    assert ratio_cell(0.8, np.nan, np.nan).css_class == "number"
    text = html_tables.render_leaderboard(tables)
    rows = re.findall(r"<tr>.*?</tr>", text)
    model_rows = [row for row in rows if ">Ridge<" in row and ">RevIN<" in row]
    assert len(model_rows) == 2
    assert model_rows[1].count("▼") == 3  # clean, steady, transition
    assert model_rows[1].count("▲") == 1  # observation: the sign flips
    assert "#1" in model_rows[0]
    by_shift = html_tables.render_shift_tables(tables)
    assert by_shift.index("Process shift, steady") < by_shift.index("Observation corruption")


def test_failures_are_listed_and_counted(tables):
    text = html.unescape(html_tables.render_failures(tables))
    assert f"ValueError: {HOSTILE} is too short" in text
    assert "frequency" in text
    assert "RuntimeError" in text
    assert "PASS" in html_tables.render_checks(tables)
    assert html_tables.render_checks(tables).count("FAIL") == 1
    cells = tables["cells"].assign(status="excluded", error="needs two channels")
    assert "needs two channels" in html_tables.render_failures({**tables, "cells": cells})


def test_regrets_and_equivariance_gaps_are_means_of_cells(small_tables):
    cells = small_tables["cells"].copy()
    is_done = (cells.role == "model") & (cells.status == "done")
    cells["oracle"] = np.where(is_done, cells.mase_pb - 0.25, np.nan)
    cells["regret"] = np.where(is_done, 0.25, np.nan)
    has_gap = is_done & (cells.placement == "steady") & cells["shift"].isin(["level", "scale"])
    cells["eg"] = np.where(has_gap, cells.severity / 10, np.nan)
    tables = fill_tables({**small_tables, "cells": cells})
    regrets = re.sub(r"<[^>]+>", " ", html_tables.render_regrets(tables))
    assert regrets.count("0.250") >= 4 * len(NORMALIZERS)
    gaps = re.sub(r"<[^>]+>", " ", html_tables.render_equivariance_gaps(tables))
    mean = cells.eg[has_gap & (cells["shift"] == "level")].mean()
    assert re.search(rf"Ridge\s+RevIN\s+{mean:.3f}\s+0.500", gaps)
    assert html_tables.render_regrets(fill_tables({})) == ""
    assert html_tables.render_equivariance_gaps(fill_tables({})) == ""
