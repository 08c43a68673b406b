"""The pages of the shift benchmark show its committed results, and those can be repeated."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from benchmarks.pages.datasheet import render_datasheet
from benchmarks.shift.gain_fit import balance_families, fit_model
from benchmarks.shift.verdicts import compare_rules, summarize, tabulate_calibration
from revin_forecast.data.catalog.catalog import CATALOG
from revin_forecast.data.catalog.dated.dated_shift import list_dated_shifts
from revin_forecast.shift.card.gain_estimate import FITTED_MODEL, ModelInputs
from revin_forecast.shift.processes import PROCESSES
from tests.support.evidence_pages import PAGES, committed_rows, repeat_page


def test_findings_show_the_committed_figures():
    page = (PAGES / "shift_findings.md").read_text()
    headline = pd.read_parquet(PAGES / "shift_standard" / "headline.parquet")
    rows = headline[headline.normalizer == "RevIN"].set_index(["backbone", "column"])
    shown = re.findall(r"^\| (\w+) \| (.*\].*) \|$", page, re.M)
    assert len(shown) == 8
    columns = ("clean", "steady", "transition", "observation")
    ratios, effects = ["against_twin", "twin_lo", "twin_hi"], ["shift_effect"] * 3
    effects = [name + ending for name, ending in zip(effects, ("", "_lo", "_hi"), strict=True)]
    for number, (backbone, cells) in enumerate(shown):
        names, used = (ratios, columns) if number < 4 else (effects, columns[1:])
        for column, cell in zip(used, cells.split(" | "), strict=True):
            expected = np.exp(rows.loc[backbone, column][names].to_numpy(float))
            numbers = [float(number) for number in re.findall(r"[\d.]+", cell)]
            assert numbers == pytest.approx(expected, abs=6e-3)
    tests = pd.read_parquet(PAGES / "shift_standard" / "tests.parquet")
    steady = tests[(tests.normalizer_a == "RevIN") & (tests.normalizer_b == "Identity")]
    assert steady.set_index("column").p["steady"] == pytest.approx(0.0156, abs=1e-4)


def test_committed_runs_are_complete_and_the_quick_suite_is_quick():
    for name in ("shift_quick", "shift_standard"):
        made = json.loads((PAGES / name / "made.json").read_text())
        assert made["quick"] is False
        assert "failed" not in made["rows"]
        assert pd.read_parquet(PAGES / name / "checks.parquet").passed.all()
        assert (PAGES / name / "report.html").is_file()
    quick = json.loads((PAGES / "shift_quick" / "made.json").read_text())
    assert quick["wall_s"] < 8 * 60


def test_committed_verdicts_are_predicted_by_the_other_families():
    rows = committed_rows("shift_verdicts")
    signed = [row for row in rows if row["sign"]]
    assert len(signed) >= 150
    assert len({row["family"] for row in signed}) >= 20
    balanced = summarize(rows, None)
    assert balanced["right of spoken %"] >= 85
    assert balanced["spoken on %"] >= 60
    verdict, *rules = compare_rules(signed)
    # The last rule looks at the test rows.
    for column in ("all significant %", "where the verdict speaks %"):
        assert verdict[column] >= 10 + max(rule[column] for rule in rules[:-1])
    for band in tabulate_calibration(rows)[:3]:
        assert band["right %, all"] == pytest.approx(band["said %, all"], abs=6)
    weights = balance_families([row["family"] for row in signed])
    largest = max(
        sum(weights[[row["family"] == family for row in signed]])
        for family in {row["family"] for row in signed}
    )
    assert largest <= 0.1001 * sum(weights)


def test_the_package_has_the_model_of_the_committed_rows():
    fitted = fit_model(committed_rows("shift_verdicts"))
    assert list(vars(fitted).values()) == pytest.approx(
        list(vars(FITTED_MODEL).values()), abs=0.015
    )


def test_verdicts_can_be_measured_again(tmp_path):
    rows = committed_rows("shift_verdicts")
    repeated = repeat_page("shift_verdicts", tmp_path, data_dir=tmp_path)  # the shipped sets only
    assert len(repeated) == 16
    committed = {(row["data"], row["channel"]): row for row in rows}
    for row in repeated:
        before = committed[row["data"], row["channel"]]
        for name in ModelInputs._fields:
            assert row[name] == pytest.approx(before[name], rel=1e-3, abs=1e-4)
        # Networks are hardly trained here, but the closed form is the same.
        assert row["Ridge"] == before["Ridge"]
    assert "| probability of the sign |" in (tmp_path / "shift_verdicts.md").read_text()


def test_committed_dated_shifts_are_the_catalogue_and_can_be_repeated(tmp_path):
    rows = {row["data"]: row for row in committed_rows("shift_dated")}
    assert list(rows) == [shift.name for shift in list_dated_shifts()]
    families = {row["family"] for row in rows.values()}
    assert len(families) >= 20
    # The suite is large enough for the effect that its page claims.
    page = (PAGES / "shift_dated.md").read_text()
    table = re.findall(r"^\| after \| RevIN \| (\d+) \| .* \| (\S+) \| (\S+) \|$", page, re.M)
    ((counted, needed, _),) = table
    assert int(counted) == len(families) >= float(needed)
    for row in repeat_page("shift_dated", tmp_path, data_dir=tmp_path):  # one shipped set
        before = rows[row["data"]]
        assert (row["first"], row["date"], row["rows before"]) == (
            before["first"],
            before["date"],
            before["rows before"],
        )
        for name in ("plain", "RevIN", "LastValue", "before"):
            assert row[name] == pytest.approx(before[name], rel=2e-3), (row["data"], name)


def test_the_datasheet_is_what_the_catalogues_give():
    page = (PAGES.parent / "reference" / "shift_datasheet.md").read_text()
    rendered = render_datasheet(committed_rows("shift_dated"))
    assert page == rendered, "run python -m benchmarks.pages.datasheet"
    for name in [*CATALOG, *PROCESSES, *(shift.name for shift in list_dated_shifts())]:
        assert f"\n| {name} |" in page
