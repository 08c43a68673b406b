"""Tables of many series, and series with different ends."""

import numpy as np
import pandas as pd

from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.table_format import TableFormat
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
        from revin_forecast.data.reading.rows import pivot as rows

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


class TestSeveralColumns:
    def make_frame(self):
        keys = [("007", "N/W"), ("007", "a\\b"), ("7", "N/W")]
        days = ["2024-01-01", "2024-01-02", "2024-01-03"]
        rows = [(*key, day) for key in keys for day in days]
        frame = pd.DataFrame(rows, columns=["store", "product", "day"])
        return frame.assign(sales=range(9))

    def test_names_and_forecasts_keep_the_text_of_each_key(self, tmp_path):
        frame = self.make_frame()
        frame.to_csv(tmp_path / "sales.csv", index=False)
        frame.astype({"day": "datetime64[ns]"}).to_parquet(tmp_path / "sales.parquet")
        for source in (tmp_path / "sales.csv", tmp_path / "sales.parquet", frame):
            series = read_series(source, id=["store", "product"], value="sales")
            assert series.names == (r"007/N\/W", r"007/a\\b", r"7/N\/W")
            np.testing.assert_array_equal(series.values.T.ravel(), range(9))
            out = series.forecast_frame({"": np.zeros((1, 3)), "-lo-80": np.ones((1, 3))})
            assert list(out) == ["store", "product", "day", "sales", "sales-lo-80"]
            assert out[["store", "product"]].to_numpy().tolist() == [
                ["007", "N/W"],
                ["007", "a\\b"],
                ["7", "N/W"],
            ]

    def test_the_order_of_the_columns_is_that_of_the_option(self):
        options = {"id": ["product", "store"], "value": "sales", "target": [r"N\/W/7"]}
        series = read_series(self.make_frame(), **options)
        assert series.names == (r"N\/W/7",)
        out = series.forecast_frame({"": np.zeros((1, 1))})
        assert out.iloc[0, :2].to_dict() == {"product": "N/W", "store": "7"}

    def test_one_name_in_a_list_is_that_name(self):
        frame = make_long_frame(["a/b"] * 3, range(3))
        series = read_series(frame, id=["unique_id"])
        assert series.names == ("a/b",)
        assert series.format.id == "unique_id"

    def test_a_format_gives_the_columns(self, tmp_path):
        format = TableFormat(id=("store", "product"), value="sales")
        format.save(tmp_path / "f.yaml")
        assert "id:\n- store\n- product\n" in (tmp_path / "f.yaml").read_text()
        series = read_series(self.make_frame(), format=tmp_path / "f.yaml")
        assert series.names[0] == r"007/N\/W"
        assert "series in columns 'store' and 'product', values in column 'sales'" in str(
            series.format
        )
        assert TableFormat.from_dict(series.format.to_dict()) == series.format

    def test_messages(self):
        frame = self.make_frame()
        options = {"id": ["store", "product"], "value": "sales"}
        assert "no series ['x'] in columns 'store' and 'product' among ['007/N" in get_read_error(
            frame, **options, target=["x"]
        )
        empty = frame.assign(product=["N/W", ""] + ["N/W"] * 7)
        assert "row 2: column 'product' is empty" in get_read_error(empty, **options)
        twice = pd.concat([frame, frame[:1]])
        assert r"of series '007/N\\/W' occurs a second time" in get_read_error(twice, **options)
        assert "no column 'shop'" in get_read_error(frame, id=["store", "shop"], value="sales")
        assert "need columns of their own" in get_read_error(
            frame, id=["store", "sales"], value="sales"
        )
        for wrong in ([], ["store", "store"]):
            assert "a list of different texts" in get_read_error(frame, id=wrong, value="sales")


class TestNotes:
    def test_names_that_differ_in_spaces_or_capitals(self, write_file):
        rows = [
            f"{name},2024-01-0{day},1" for name in ("North", "North ", "NORTH") for day in (1, 2, 3)
        ]
        series = read_series(write_file("\n".join(["unique_id,ds,y", *rows])))
        assert series.names == ("North", "North ", "NORTH")
        (note,) = series.notes
        assert note.endswith(
            "sales.csv, line 5: series 'North ' and 'North' differ in spaces or capitals only, and "
            "were read as two series; the same holds for 1 more"
        )

    def test_series_of_a_single_row(self):
        frame = make_long_frame(["a"] * 3 + ["b", "c"], [0, 1, 2, 1, 2])
        assert read_series(frame).notes == (
            "the table, row 4: series 'b' has a single row; the same holds for 1 more",
        )
        assert read_series(frame, target=["a"]).notes == ()

    def test_columns_that_were_not_read(self):
        frame = make_long_frame(["a"] * 3, [0, 1, 2]).assign(price=1.0, promo="x")
        assert read_series(frame).notes == (
            "columns 'price' and 'promo' were not read: a long table has one column of values",
        )
