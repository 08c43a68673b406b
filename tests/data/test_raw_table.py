"""Data frames of pandas, Polars and Arrow as tables."""

import datetime
import io

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.reading.read_series import read_series
from tests.support.small_tables import (
    DAYS,
    GOOD,
    get_read_error,
    make_long_frame,
)


class TestFrames:
    def test_polars(self):
        polars = pytest.importorskip("polars")
        pandas = pd.DataFrame(
            {"date": pd.to_datetime(DAYS), "x": np.arange(12.0), "y": ["1,5"] * 12}
        )
        frame = polars.from_pandas(pandas)
        before = frame.clone()
        series = read_series(frame)
        assert series.names == ("x", "y")
        assert series.values[1].tolist() == [1, 1.5]
        assert series.timestamps.tolist() == pandas.date.tolist()
        assert frame.equals(before)
        day = frame.with_columns(polars.col("date").cast(polars.Date))
        assert read_series(day).frequency == "D"
        assert "the table, row 3, column 'y': 'oops'" in get_read_error(
            polars.from_pandas(pandas.assign(y=["1", "2", *["oops"] * 10]))
        )

    def test_arrow(self):
        arrow = pytest.importorskip("pyarrow").table({"date": DAYS, "x": list(range(12))})
        assert read_series(arrow).values[3, 0] == 3

    @pytest.mark.parametrize(
        "index",
        [
            pd.period_range("2024-01", periods=5, freq="M"),
            pd.Index(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]),
            pd.Index([datetime.date(2024, 1, day) for day in range(1, 6)]),
            pd.Index([2001, 2002, 2003, 2004, 2005], name="time"),
        ],
        ids=["periods", "text", "dates", "years"],
    )
    def test_times_in_an_index_of_any_kind(self, index):
        series = read_series(pd.DataFrame({"x": range(5)}, index=index))
        assert series.names == ("x",)
        assert series.format.time == (index.name or "date")
        assert len(series) == 5

    def test_two_levels(self):
        frame = make_long_frame(["a"] * 4 + ["b"] * 4, [0, 1, 2, 3] * 2).set_index(
            ["unique_id", "ds"]
        )
        assert read_series(frame).names == ("a", "b")

    def test_an_index_of_row_numbers_is_not_a_series(self):
        frame = pd.read_csv(io.StringIO(GOOD)).iloc[::2]
        assert read_series(frame).names == ("x",)

    def test_a_column_of_lists(self):
        frame = pd.DataFrame({"date": DAYS, "x": range(12)}).assign(tags=[["a", n] for n in DAYS])
        message = "the table, row 1, column 'tags': \"['a', '2024-01-01']\" is not a number"
        assert message in get_read_error(frame)
        assert read_series(frame, target=["x"]).names == ("x",)
        arrow = pytest.importorskip("pyarrow").Table.from_pandas(frame)
        assert "column 'tags': \"['a' '2024-01-01']\" is not a number" in get_read_error(arrow)
