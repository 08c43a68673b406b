"""Treatment of missing values when a table is read."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.reading.read_series import read_series
from tests.support.small_tables import GOOD, NUMBERS, get_read_error, make_long_frame, make_table


class TestMissing:
    HOLED = make_table(["", "1", "", "nan", "4", "5", "inf", "8", "9", "", "11", ""], NUMBERS)

    def test_observed_is_the_default(self, write_file):
        series = read_series(write_file(self.HOLED))
        assert np.flatnonzero(~series.observed[:, 0]).tolist() == [0, 2, 3, 6, 9, 11]

    def test_interpolated_inside(self, write_file):
        values = read_series(write_file(self.HOLED), missing="interpolate").values
        np.testing.assert_allclose(values[1:11, 0], [1, 2, 3, 4, 5, 6.5, 8, 9, 10, 11])
        assert np.isnan(values[[0, 11], 0]).all()
        assert values[:, 1].tolist() == list(range(12))

    def test_interpolated_in_time_not_in_steps(self):
        stamps = pd.to_datetime(["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"])
        frame = pd.DataFrame({"date": stamps, "x": [0.0, np.nan, 60, 61]})
        assert read_series(frame, missing="interpolate").values[1, 0] == pytest.approx(29)
        frame["x"] = [-1.7e308, np.nan, 1.7e308, 0]
        assert np.isfinite(read_series(frame, missing="interpolate").values).all()

    def test_reports_the_first_gap(self, write_file):
        message = get_read_error(write_file(self.HOLED), missing="error")
        assert (
            "sales.csv, line 2: there is no value at 2024-01-01 00:00:00, column 'x'. Fill"
            in message
        )
        absent = GOOD.replace("2024-01-06,5\n", "").replace(",8\n", ",\n")
        message = get_read_error(write_file(absent), missing="error")
        assert (
            "sales.csv: there is no row for 2024-01-06 00:00:00, column 'x'. Fill it in" in message
        )
        shuffled = GOOD.splitlines()
        shuffled[3], shuffled[9] = shuffled[9].replace(",8", ","), shuffled[3]
        assert "line 4: there is no value at 2024-01-09" in get_read_error(
            write_file("\n".join(shuffled)), missing="error"
        )
        assert len(read_series(write_file(GOOD), missing="error")) == 12

    def test_a_series(self, write_file):
        series = read_series(write_file(self.HOLED))
        assert "no value of 'x' at 2024-01-01" in get_read_error(series, missing="error")
        assert read_series(series, missing="interpolate").values[2, 0] == pytest.approx(2)

    def test_long_tables_begin_and_end_with_their_own_rows(self):
        frame = make_long_frame(["a"] * 6 + ["b"] * 3, [0, 1, 2, 3, 4, 5, 1, 2, 3])
        assert len(read_series(frame, missing="error")) == 6
        holed = frame.drop(index=7)
        assert "the table: there is no row for 2024-01-03 00:00:00, series 'b'" in get_read_error(
            holed, missing="error"
        )
        filled = read_series(holed, missing="interpolate")
        np.testing.assert_array_equal(filled.values[:, 1], [np.nan, 6, 7, 8, np.nan, np.nan])
