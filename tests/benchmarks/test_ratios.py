"""The suite of speed ratios runs, and its committed ratios keep their bounds."""

from tests.support.evidence_pages import committed_rows, repeat_page


def test_quick_ratios_are_below_one_and_a_half_bounds(tmp_path):
    rows = repeat_page("speed_ratios", tmp_path)
    assert len(rows) == 10
    assert all(0 < row["ratio"] <= 1.5 * row["bound"] for row in rows)


def test_committed_ratios_keep_their_bounds():
    rows = committed_rows("speed_ratios")
    assert len(rows) == 11
    assert all(0 < row["ratio"] <= row["bound"] for row in rows)
