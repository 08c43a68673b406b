"""The programs of benchmarks/robustness run, and their committed results keep their bounds."""

import re

import pytest

from tests.support.evidence_pages import committed_rows, read_committed, repeat_page


def test_the_audit_runs_and_our_normalizers_keep_every_promise(tmp_path):
    repeat_page("normalizer_audit", tmp_path, "--classes", "revin_forecast.Robust")
    page = (tmp_path / "normalizer_audit.md").read_text()
    assert "| promise | Copied | RevIN | Robust |" in page
    assert re.search(r"\d+\. Copied, statistics are values, not state: a forecast after an", page)
    rows = committed_rows("normalizer_audit")
    assert len(rows) >= 25
    for row in rows:
        assert all(not cell.startswith("x") for name, cell in row.items() if name != "Copied"), row
    assert sum(row["Copied"].startswith("x") for row in rows) >= 8


def test_no_odd_table_is_read_wrongly(tmp_path):
    repeat_page("table_fuzz", tmp_path)
    record = read_committed("table_fuzz")
    assert record["made"]["files"] >= 20_000
    rows = {row["kind"]: row for row in record["rows"]}
    assert len(rows) >= 14
    assert rows["damaged"]["accepted"] > 3000
    assert rows["wrong date"]["refused"] == rows["wrong date"]["files"]
    for row in rows.values():
        wrong = ("bad message", "silent", "traceback", "differs")
        assert not any(row[end] for end in wrong), row


def test_coverage_holds_when_the_scale_shifts(data_dir, tmp_path):
    rows = repeat_page("interval_coverage", tmp_path, data_dir=data_dir)
    repeated = {row["shift"]: row for row in rows}
    assert repeated["doubled"]["80 %"] == pytest.approx(repeated["none"]["80 %"], abs=0.5)
    assert repeated["doubled"]["80 % raw"] < repeated["none"]["80 % raw"] - 10
    misses = {"80 %": {"nyc_taxi", "ecl_mean", "ecl_2ch"}, "95 %": {"nyc_taxi"}}
    for row in committed_rows("interval_coverage"):
        for level, missed in misses.items():
            difference = abs(row[level] - float(level.split()[0]))
            if row["shift"] == "none" and row["data"] not in missed:
                assert difference < 3, row
            if row["shift"] == "doubled" and row["data"] != "nyc_taxi":
                assert difference < 5, row
                assert row[f"{level} raw"] < row[level] - 5


def test_intervals_of_short_tables_are_neither_too_narrow_nor_lopsided(tmp_path):
    repeated = repeat_page("interval_coverage_short", tmp_path)
    for row in (*repeated, *committed_rows("interval_coverage_short")):
        assert 70 < row["80 %"] < 98, row
        assert row["95 %"] > 88, row
        assert row["lopsided"] < 0.15, row
        assert row["width"] < (1.3 if row["rows"] == 240 else 1.6), row
