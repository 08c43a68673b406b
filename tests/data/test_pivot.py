"""Tables of many series, and series with different ends."""

import numpy as np
import pandas as pd

from revin_forecast.data.reading.read_series import read_series
from tests.support.small_tables import DAYS, get_read_error, make_long_frame


class TestManySeries:
    def test_ten_thousand_columns(self, tmp_path):
        values = np.random.default_rng(0).normal(size=(3, 10_000))
        frame = pd.DataFrame(values, columns=[f"c{number}" for number in range(10_000)])
        frame.insert(0, "date", DAYS[:3])
        frame.to_csv(tmp_path / "t.csv", index=False)
        series = read_series(tmp_path / "t.csv")
        np.testing.assert_array_equal(series.values, values)
        message = get_read_error(frame, target=["d"])
        assert "among ['date', 'c0'," in message
        assert "... 10001 in all]" in message

    def test_a_long_parquet_of_thousands(self, tmp_path):
        ids = np.repeat(np.arange(3000), 40)
        frame = make_long_frame(ids, np.tile(np.arange(40), 3000)).sample(frac=1, random_state=0)
        frame.to_parquet(tmp_path / "t.parquet", index=False)
        series = read_series(tmp_path / "t.parquet")
        assert series.values.shape == (40, 3000)
        assert series.last_timestamps is None
        order = np.argsort(np.array(series.names, dtype=int))
        np.testing.assert_array_equal(series.values[:, order].T.ravel(), np.arange(120_000))

    def test_series_that_hardly_overlap(self, monkeypatch):
        from revin_forecast.data.reading import pivot as rows

        monkeypatch.setattr(rows, "MAX_LONG_VALUES", 100)
        frame = make_long_frame([str(number) for number in range(60)], range(60))
        assert "60 rows of 60 series have 60 different times, so nearly all" in get_read_error(
            frame
        )

    def test_each_series_is_forecast_after_its_own_end(self):
        frame = make_long_frame(["a"] * 6 + ["b"] * 3, [0, 1, 2, 3, 4, 5, 1, 2, 3])
        series = read_series(frame)
        assert series.last_timestamps.tolist() == [
            pd.Timestamp("2024-01-06"),
            pd.Timestamp("2024-01-04"),
        ]
        aligned = series.align_ends()
        np.testing.assert_array_equal(aligned.values[:, 1], [np.nan] * 3 + [6, 7, 8])
        out = aligned.forecast_frame({"": np.zeros((2, 2)), "-lo-80": np.ones((2, 2))})
        assert list(out.columns) == ["unique_id", "ds", "y", "y-lo-80"]
        assert out.ds.astype(str).tolist() == [
            "2024-01-07",
            "2024-01-08",
            "2024-01-05",
            "2024-01-06",
        ]

    def test_ids_with_the_same_text(self):
        frame = make_long_frame([1, 1, 1, "1"], [0, 1, 2, 3])
        assert read_series(frame).names == ("1",)
