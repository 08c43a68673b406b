"""Writing of forecasts: failures leave the existing file, paths are checked, styles are kept."""

import json
import resource
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series
from revin_forecast.data.table_format import TableFormat
from revin_forecast.data.write_table import (
    check_forecast_size,
    check_table_path,
    check_table_size,
    to_csv,
    to_json_lines,
    write_table,
)
from revin_forecast.errors import InputError

FORMS = [
    ("D", "ISO 8601"),
    ("D", "%d.%m.%Y"),
    ("D", "%m/%d/%Y"),
    ("D", "%Y%m%d"),
    ("h", "ISO 8601"),
    ("h", "%d.%m.%Y %H:%M"),
    ("h", "seconds since 1970"),
    ("15min", "ISO 8601"),
    ("MS", "%Y%m"),
    ("MS", "%m/%Y"),
    ("MS", "ISO 8601 like 2024-12"),
    ("QS-JAN", "quarters"),
    ("YS-JAN", "%Y"),
    ("W-SAT", "%d/%m/%Y"),
]
"""Frequencies and forms of times."""
NUMBERS = st.one_of(
    st.floats(-1e9, 1e9).map(lambda number: round(number, 3)),
    st.floats(1e-6, 1e6),
    st.sampled_from([0.0, 1.234, 12.345, -123.456, 1234.5, 1e20, 5.0]),
)


class TestWriting:
    FRAME = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=9000, freq="h"), "x": 0.5})

    @pytest.mark.parametrize("ending", [".csv", ".parquet", ".xlsx", ".jsonl", ".feather"])
    @pytest.mark.parametrize("old", [True, False])
    def test_a_full_disk_leaves_the_old_file(self, tmp_path, ending, old):
        path = tmp_path / f"f{ending}"
        if old:
            path.write_bytes(b"old")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
        try:
            with pytest.raises(InputError, match=rf"f{ending} could not be written: .*ake room"):
                write_table(self.FRAME, path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert [path.read_bytes() for path in tmp_path.iterdir()] == ([b"old"] if old else [])

    def test_no_permission_leaves_the_old_file(self, tmp_path, monkeypatch):
        def deny_access(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(pd.DataFrame, "to_csv", deny_access)
        (tmp_path / "f.csv").write_text("old")
        with pytest.raises(InputError, match=r"f\.csv could not be written: Permission denied"):
            write_table(self.FRAME, tmp_path / "f.csv")
        assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]

    def test_rejects_paths(self, tmp_path):
        for name, message in [
            ("absent/f.csv", "there is no folder"),
            ("f.doc", "is written as .csv, .* or .arrow but got"),
            (".csv", "is written as .csv, .* or .arrow but got"),
        ]:
            with pytest.raises(InputError, match=message):
                write_table(self.FRAME, tmp_path / name)
        (tmp_path / "g.csv").mkdir()
        with pytest.raises(InputError, match="is a folder; name a file"):
            write_table(self.FRAME, tmp_path / "g.csv")


def make_series(frequency, form, separator, decimal, layout):
    """Return a series of two channels as if it had been read from a text file."""
    stamps = pd.date_range("2023-11-25", periods=3, freq=frequency)
    long = {"id": "shop", "value": "sold"} if layout == "long" else {}
    format = TableFormat(
        separator=separator, time="date", time_form=form, decimal=decimal, frequency=frequency,
        layout=layout, **long,
    )  # fmt: skip
    return Series(np.zeros((3, 2)), stamps, ("a", "b"), frequency, format)


class TestStyle:
    @settings(max_examples=150, deadline=None)
    @given(
        st.sampled_from(FORMS),
        st.sampled_from(",;\t|"),
        st.sampled_from(",."),
        st.sampled_from(["wide", "long"]),
        st.lists(st.tuples(NUMBERS, NUMBERS), min_size=4, max_size=6),
    )
    def test_a_written_forecast_is_read_back_as_it_was(
        self, tmp_path_factory, form, separator, decimal, layout, rows
    ):
        series = make_series(*form, separator, decimal, layout)
        values = np.array(rows)
        forecast = series.forecast_frame({"": values})
        path = tmp_path_factory.getbasetemp() / "style.csv"
        write_table(forecast, path, series.format)
        assert path.read_text().splitlines()[0].split(separator) == list(forecast.columns)
        # As `predict` reads newer rows: the format of the fitted table decides what is open.
        long = {"id": "shop", "value": "sold"} if layout == "long" else {}
        again = read_series(path, like=series.format, frequency=form[0], outliers="keep", **long)
        expected = series.forecast_timestamps(len(rows))
        assert again.timestamps.equals(expected.as_unit(again.timestamps.unit))
        assert again.names == ("a", "b")
        np.testing.assert_allclose(again.values, values, rtol=1e-11)

    def test_limits_have_the_mark_of_their_series(self):
        format = TableFormat(time="date", separator=";", decimal={"a": ",", "b": "."})
        frame = pd.DataFrame(
            {"date": ["x"], "a": [1.5], "a-lo-80": [0.25], "b": [1.5], "b-hi-99.5": [1.234]}
        )
        assert to_csv(frame, format).splitlines() == [
            "date;a;a-lo-80;b;b-hi-99.5",
            "x;1,5;0,25;1.5;1.2340",
        ]

    def test_missing_numbers_are_empty_and_counts_stay_whole(self):
        frame = pd.DataFrame({"date": ["x", "y"], "a": [np.nan, 1.0], "n": [3, 4]})
        text = to_csv(frame, TableFormat(time="date", decimal=",", separator=";"))
        assert text == "date;a;n\nx;;3\ny;1;4\n"

    def test_times_in_several_columns_and_a_second_column_of_times(self):
        stamps = pd.date_range("2024-12-01", periods=2, freq="MS")
        frame = pd.DataFrame({"shop": "a", "date": stamps, "cutoff": stamps, "y": [1.0, 2.5]})
        format = TableFormat(time=("year", "month"), time_form="%Y | %-m", frequency="MS")
        assert to_csv(frame, format).splitlines() == [
            "shop,year,month,cutoff,y",
            "a,2024,12,2024-12-01,1",
            "a,2025,1,2025-01-01,2.5",
        ]

    def test_without_a_format_as_before(self):
        frame = pd.DataFrame({"date": pd.to_datetime(["2024-01-01"]), "a": [1 / 3]})
        assert to_csv(frame) == "date,a\n2024-01-01,0.333333333333\n"

    @pytest.mark.parametrize("suffix", [".tsv", ".txt"])
    def test_tabs(self, tmp_path, suffix):
        write_table(
            pd.DataFrame({"a": [1.5], "b": ["x"]}),
            tmp_path / f"f{suffix}",
            TableFormat(separator=";", decimal=","),
        )
        assert (tmp_path / f"f{suffix}").read_text() == "a\tb\n1,5\tx\n"

    def test_a_byte_order_mark_stays(self, tmp_path):
        path = tmp_path / "in.csv"
        path.write_text("Tag;Größe\n2024-01-01;1,5\n2024-01-02;2\n2024-01-03;3\n", "utf-8-sig")
        series = read_series(path)
        write_table(series.forecast_frame({"": np.ones((2, 1))}), tmp_path / "f.csv", series.format)
        content = (tmp_path / "f.csv").read_bytes()
        assert content.startswith("\ufeffTag;Größe\n2024-01-04;1".encode())
        path.write_text(path.read_text("utf-8-sig"), "utf-8")
        series = read_series(path)
        write_table(series.forecast_frame({"": np.ones((2, 1))}), tmp_path / "f.csv", series.format)
        assert (tmp_path / "f.csv").read_bytes().startswith(b"Tag;Gr")


class TestFileFormats:
    FRAME = pd.DataFrame(
        {"day": pd.date_range("2024-12-31", periods=2), "é": [0.1 + 0.2, np.nan], "n": [1, 2]}
    )
    FORMAT = TableFormat(time="day", time_form="%d.%m.%Y", decimal=",", separator=";")

    def test_json_lines(self, tmp_path):
        assert write_table(self.FRAME, tmp_path / "f.jsonl", self.FORMAT) == []
        lines = (tmp_path / "f.jsonl").read_text("utf-8").splitlines()
        assert lines[0] == '{"day": "31.12.2024", "é": 0.3, "n": 1}'
        assert json.loads(lines[1]) == {"day": "01.01.2025", "é": None, "n": 2}
        assert json.loads(to_json_lines(self.FRAME).splitlines()[0])["day"] == "2024-12-31T00:00:00"

    @pytest.mark.parametrize("suffix", [".parquet", ".feather", ".arrow"])
    def test_typed_columns(self, tmp_path, suffix):
        path = tmp_path / f"f{suffix}"
        write_table(self.FRAME, path, self.FORMAT)
        read = pd.read_parquet if suffix == ".parquet" else pd.read_feather
        pd.testing.assert_frame_equal(read(path), self.FRAME)

    def test_sizes_that_excel_can_not_hold_are_rejected_before_the_work(self, tmp_path):
        path = tmp_path / "f.xlsx"
        message = "a sheet of Excel holds 1,048,575 rows, but the forecast has 1,048,576. Write f"
        with pytest.raises(InputError, match=message):
            check_table_size(path, 2**20)
        check_table_size(path, 2**20 - 1, 2**14)
        check_table_size(tmp_path / "f.csv", 2**30)
        for layout, horizon in product(("wide", "long"), (2**19, 2**20)):
            series = make_series("h", None, ";", ".", layout)
            if horizon == 2**19 and layout == "wide":
                check_forecast_size(path, series, horizon, 1)
                continue
            with pytest.raises(InputError, match="1,048,575 rows"):
                check_forecast_size(path, series, horizon, 1)
        wide = Series(np.zeros((3, 6000)), series.timestamps, tuple(map(str, range(6000))), "h")
        check_forecast_size(path, wide, 1, 0)
        check_forecast_size(None, wide, 1, 1)
        with pytest.raises(InputError, match="holds 16,384 columns, but the forecast has 18,001"):
            check_forecast_size(path, wide, 1, 1)

    def test_a_missing_library_is_reported_before_the_work(self, tmp_path, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        with pytest.raises(
            InputError, match=r'install "revin-forecast\[excel\]"\), or write a \.csv'
        ):
            check_table_path(tmp_path / "f.xlsx")
        check_table_path(tmp_path / "f.csv")
