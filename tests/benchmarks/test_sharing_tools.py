"""The comparison of tools for ties: our column is run here, the record is the table of the page."""

import json

import pytest

from benchmarks.peers.compare_sharing import CASES, RECORD, compare, format_table, main
from tests.support.evidence_pages import ROOT

ROWS = json.loads(RECORD.read_text())["rows"]


def test_our_outcomes_are_the_recorded_ones():
    expected = [{name: row[name] for name in ("case", "revin_forecast")} for row in ROWS]
    assert compare(["revin_forecast"]) == expected
    assert [row["case"] for row in ROWS] == list(CASES)


def test_the_page_shows_the_record():
    page = (ROOT / "docs" / "sharing_parameters.md").read_text()
    assert format_table(ROWS) in page
    assert "`python -m benchmarks.peers.compare_sharing`" in " ".join(page.split())


def test_the_program_prints_our_column_without_the_other_libraries(capsys, tmp_path):
    main(["--ours", "--out", str(tmp_path / "record.json")])
    assert capsys.readouterr().out.startswith("| case | revin_forecast |\n")
    assert not (tmp_path / "record.json").exists()


def test_a_worse_outcome_is_detected(monkeypatch):
    """The outcomes are observed: without retying, the cases are untied."""
    monkeypatch.setattr("revin_forecast.retie", lambda module, groups: None)
    outcomes = {row["case"]: row["revin_forecast"] for row in compare(["revin_forecast"])}
    assert outcomes["retie after `assign=True`"] == "untied, silently"
    assert outcomes["retie after `weight_norm` of the first"] == "untied, silently"
    with pytest.raises(AssertionError):
        test_our_outcomes_are_the_recorded_ones()
