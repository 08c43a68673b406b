"""The programs that measure scale run, and their committed results keep their bounds."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.speed.scaling import draw_growth, fit_exponent
from revin_forecast.data.reading.read_series import read_series
from tests.support.evidence_pages import PAGES, committed_rows, repeat_page


def test_the_memory_map_is_measured(tmp_path):
    assert repeat_page("larger_than_memory", tmp_path)


def test_several_processes_are_measured(tmp_path):
    assert repeat_page("distributed_speed", tmp_path)


def test_growth_is_measured_and_drawn(tmp_path):
    rows = repeat_page("scaling", tmp_path)
    assert len(rows) == 21
    drawn = draw_growth(rows)
    assert len(drawn.data) == len(rows)  # pyright: ignore[reportArgumentType]


def test_the_exponent_is_the_slope_at_the_largest_sizes():
    sizes = (1, 2, 4, 8, 16)
    assert fit_exponent(sizes, [9.0, 2**1.5, 4**1.5, 8**1.5, 16**1.5]) == pytest.approx(1.5)


def test_fifty_million_values_take_less_than_two_gibibytes():
    rows = committed_rows("larger_than_memory")
    assert "50,000,000 values" in (PAGES / "larger_than_memory.md").read_text()
    for row in rows:
        if row["way"] == "map":
            assert row["peak GiB"] < 2, row
            assert row["of memory"] >= 0.8, row


def test_cost_grows_as_theory_says():
    rows = committed_rows("scaling")
    assert {row["dimension"] for row in rows} == {
        "rows",
        "channels",
        "lookback",
        "horizon",
        "series",
    }
    for row in rows:
        assert row["exponent"] <= row["order"] + 0.15, row
        assert bool(row["above"]) is False, row
        if row["of pyarrow"] is not None and row["dimension"] != "series":
            assert row["of pyarrow"] < 2, row


def test_processes_share_the_work():
    """Training reaches its target, 1.6; the benchmark on Ray misses its own, 0.9."""
    rows = {row["what"]: row for row in committed_rows("distributed_speed")}
    assert rows["shift benchmark"]["ratio"] > 0.75
    assert rows["shift benchmark"]["target"] == 0.9
    training = [row for what, row in rows.items() if what.startswith("training")]
    assert len(training) == 2
    for row in training:
        assert row["ratio"] > row["target"] == 1.6, row
        assert row["of bound"] > 0.7, row


def test_floats_in_many_blocks_are_read_exactly(tmp_path):
    random = np.random.default_rng(0)
    values = random.normal(size=(30_000, 4))
    values[random.random(values.shape) < 0.1] = np.nan
    table = pd.DataFrame(values, columns=list("abcd"))
    table.insert(0, "date", pd.date_range("2020-01-01", periods=len(table), freq="h"))
    path = tmp_path / "table.csv"
    table.to_csv(path, index=False)
    assert path.stat().st_size > 2 * 2**20  # pyarrow's blocks are of 1 MiB
    np.testing.assert_array_equal(read_series(path).values, values)
    path.write_text(path.read_text().replace("date,", '"date",', 1))  # read in one piece
    np.testing.assert_array_equal(read_series(path).values, values)
