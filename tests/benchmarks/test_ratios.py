import json
from pathlib import Path

import pytest

from tests.support.evidence_pages import repeat_page

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks" / "speed_ratios.json"


def test_the_suite_runs_and_its_ratios_are_kept(tmp_path):
    repeat_page("speed_ratios", tmp_path)
    found = json.loads((tmp_path / "speed_ratios.json").read_text())
    assert found["made"]["quick"] is True
    assert len(found["rows"]) == 10
    assert all(0 < row["ratio"] <= 1.5 * row["bound"] for row in found["rows"])


@pytest.mark.skipif(not PAGE.is_file(), reason="the suite was not measured yet")
def test_committed_ratios_hold_their_bounds():
    found = json.loads(PAGE.read_text())
    assert found["made"]["quick"] is False
    assert len(found["rows"]) == 11
    assert all(0 < row["ratio"] <= row["bound"] for row in found["rows"])
