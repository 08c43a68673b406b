"""The tables of the report."""

import html
import re

import numpy as np
import pandas as pd
import pytest

from revin_forecast.reports.benchmark.input_tables import fill_tables
from revin_forecast.reports.benchmark.tables.breakdowns import (
    render_breakdowns,
    render_fills,
    render_intervals,
    render_online,
)
from revin_forecast.reports.benchmark.tables.context import render_checks, render_failures
from revin_forecast.reports.benchmark.tables.details import (
    render_detail_tables,
    render_recovery_ages,
)
from revin_forecast.reports.benchmark.tables.incomplete import render_incomplete
from revin_forecast.reports.benchmark.tables.scores import (
    render_leaderboard,
    render_shift_tables,
    render_twins,
)
from tests.support.benchmark_tables import DATA_SETS, HOSTILE, NORMALIZERS


def test_ratios_are_marked_if_their_interval_excludes_1(tables):
    headline = tables["headline"].copy()
    rows = (headline.backbone == "Ridge") & (headline.normalizer == "RevIN")
    keys = ["against_twin", "twin_lo", "twin_hi"]
    for column, ratios in {
        "clean": (0.8, 0.7, 0.9),
        "steady": (0.9, 0.7, 1.1),
        "transition": (2.0, 1.1, 3.0),
        "observation": (0.8, np.nan, np.nan),
    }.items():
        headline.loc[rows & (headline.column == column), keys] = np.log(ratios)
    text = render_twins({**tables, "headline": headline})
    for cell in (
        '<td class="number better">0.800 ▼ <small>[0.700, 0.900]</small></td>',
        '<td class="number">0.900 <small>[0.700, 1.10]</small></td>',
        '<td class="number worse">2.00 ▲ <small>[1.10, 3.00]</small></td>',
        '<td class="number">0.800</td>',
    ):
        assert cell in text


def test_leaderboard_marks_the_best_and_the_sign_of_each_effect(tables):
    text = render_leaderboard(tables)
    rows = re.findall(r"<tr>.*?</tr>", text + render_twins(tables))
    model_rows = [row for row in rows if ">Ridge<" in row and ">RevIN<" in row]
    assert len(model_rows) == 3  # errors, ratios to the twin, regrets
    order = re.findall(r'<th scope="row">(\w+)</th><td>(\w+)</td>', text)
    headline = tables["headline"]
    steady = headline[(headline["column"] == "steady") & headline["rank"].notna()]
    best = steady.sort_values("rank")[["backbone", "normalizer"]].to_numpy().tolist()
    assert order == [tuple(names) for names in best]
    gain, *shifted = re.findall(r"<td class=\"number[^>]*>([^<]*)", model_rows[1])
    under_shift, alone = shifted[::2], shifted[1::2]
    assert "▼" in gain
    assert "".join(under_shift).count("▼") == 2  # steady, transition
    assert under_shift[-1].count("▲") == 1  # observation: the sign flips
    ratios = [[float(text.split()[0]) for text in texts] for texts in (under_shift, alone)]
    for whole, part in zip(*ratios, strict=True):
        assert whole == pytest.approx(float(gain.split()[0]) * part, rel=5e-3)
    assert "#1 ◆" in model_rows[0]
    by_shift = render_shift_tables(tables)
    assert by_shift.index("Process shift, steady") < by_shift.index("Observation corruption")


def test_failures_are_listed_and_counted(tables):
    text = html.unescape(render_failures(tables))
    assert f"ValueError: {HOSTILE} is too short" in text
    assert "frequency" in text
    assert "RuntimeError" in text
    assert "PASS" in render_checks(tables)
    assert render_checks(tables).count("FAIL") == 1
    cells = tables["cells"].assign(status="excluded", error="needs two channels")
    assert "needs two channels" in render_failures({**tables, "cells": cells})


def test_regrets_and_equivariance_gaps_are_means_of_cells(small_tables):
    cells = small_tables["cells"].copy()
    is_done = (cells.role == "model") & (cells.status == "done")
    cells["oracle"] = np.where(is_done, cells.mase_pb - 0.25, np.nan)
    cells["regret"] = np.where(is_done, 0.25, np.nan)
    has_gap = is_done & (cells.placement == "steady") & cells["shift"].isin(["level", "scale"])
    cells["eg"] = np.where(has_gap, cells.severity / 10, np.nan)
    tables = fill_tables({**small_tables, "cells": cells})
    text = extract_details(tables, "Regret against the best possible forecast")
    assert text.count("0.250") >= 4 * len(NORMALIZERS)
    mean = cells.eg[has_gap & (cells["shift"] == "level")].mean()
    gaps = extract_details(tables, "Equivariance gaps")
    assert re.search(rf"Ridge\s+RevIN\s+{mean:.3f}\s+0.500", gaps)
    assert not render_detail_tables(fill_tables({})).strip()


def test_tables_have_captions_and_headers_with_a_scope(tables):
    renders = (render_leaderboard, render_twins, render_shift_tables, render_checks)
    renders += (render_failures, render_fills, render_intervals, render_online, render_breakdowns)
    renders += (render_detail_tables, render_recovery_ages)
    for render in renders:
        text = render(tables)
        assert text.count("<table><caption>") == text.count("<table") > 0
        assert not re.search(r"<th(?! scope=)|<th[^>]*></th>", text.replace("<thead", ""))


def test_effective_robustness_is_shown(tables):
    row = {"backbone": "Ridge", "normalizer": "RevIN", "column": "steady", "effective": -0.25}
    text = extract_details({**tables, "effective": pd.DataFrame([row])}, "Effective robustness")
    assert text.split()[-4:] == ["Ridge", "RevIN", "steady", "-0.250"]


def extract_details(tables, title):
    """Return the text of a collapsed table."""
    text = re.search(
        rf"<summary>{title}</summary>(.*?)</details>", render_detail_tables(tables), re.S
    )
    return re.sub(r"<[^>]+>", " ", text[1])


def test_failures_and_missing_figures_are_named_above_the_tables(tables):
    text = html.unescape(render_incomplete(tables))
    runs, cells = tables["runs"], tables["cells"]
    failed = (cells["status"] == "failed").sum()
    assert f"1 of {len(runs)} runs and {failed} of {len(cells)} cells failed." in text
    assert "is too short to be run faster" in text
    assert "DishTS on MLP has no figure over all data sets, as it lacks 1 of 90 cells" in text
    assert "every model failed in ETTh1 2 (frequency)" in text
    complete = {"runs": runs[runs["status"] == "done"], "cells": cells[cells["status"] == "done"]}
    assert "Complete: nothing failed" in render_incomplete(fill_tables(complete))


def test_parts_of_the_headline_have_tables(tables):
    fills, intervals = render_fills(tables), render_intervals(tables)
    assert '<td class="number better">0.800 ▼ <small>[0.750, 0.850]</small></td>' in fills
    assert "severity 5" in fills
    assert '<td class="number">71.3</td>' in intervals
    assert "Ridge (online level)" in render_online(tables)
    text = render_breakdowns(tables)
    assert text.count("<details>") == 2 * len(DATA_SETS)
    assert "The first 8 of 9 channels" in text
    assert HOSTILE not in text
    empty = fill_tables({})
    for render in (render_fills, render_intervals, render_online, render_breakdowns):
        assert not render(empty).strip()
