"""Every way a table comes damaged: the right result, or one line with place and remedy."""

import datetime
import gzip
import io
import os
import resource
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from revin_forecast.cli.main import main
from revin_forecast.data.reading import source
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.write_table import write_table
from revin_forecast.errors import InputError
from tests.support.small_tables import DAYS, GOOD, NUMBERS, refused, table, written


@pytest.fixture
def file(tmp_path):
    return partial(written, tmp_path)


class TestCommand:
    """What the command line makes of it: one line, exit code 2, nothing written."""

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (GOOD.replace("date", "when\u00e9").replace("2024", "24"), "has no time column among"),
            (GOOD.replace(",5\n", ",five\n"), "line 7, column 'x': 'five' is no number"),
            (GOOD.replace("2024-01-06", "2024-01-36"), "line 7, column 'date': '2024-01-36' is no"),
            (GOOD.replace(",5\n", ",5,5\n"), "line 7 has 3 cells but the header has 2"),
            (GOOD.replace("2024-01-06", "2024-01-05"), "line 7: 2024-01-05 00:00:00 stands there"),
            (GOOD.replace("date,x", "x,x"), "more than one column ['x']"),
            ("Sold,,\ndate,x,y\n2024-01-01,1,2\n", "2 of the 3 columns have no name in its fir"),
            (
                "Sold,\n,\n" + GOOD,
                "If the first line is a title, delete what stands above",
            ),
            ("Sold\n" + GOOD, "line 2 has 2 cells but line 1 has 1. If that is a title, delete it"),
            (
                GOOD.replace("date", "n").replace("2024-01-", ""),
                "Write times as 2024-12-31, in a",
            ),
            ("date,x\n", "no rows below its header"),
            (b"PK\x03\x04 and so on", "a spreadsheet (.xlsx, .ods) or a zip archive, neither CSV"),
            (b"\x89HDF\r\n\x1a\n", "is an HDF5 file, neither CSV nor Parquet; save the table as"),
            (b"date,x\n2024-01-01,\x00\x01\n", "line 2 holds a zero byte"),
            (GOOD.replace(",5\n", ",1e999\n"), "'1e999' is larger than any float64"),
        ],
    )
    def test_a_file_that_cannot_be_used(self, file, tmp_path, capsys, text, told):
        out = tmp_path / "forecast.csv"
        out.write_text("the old one\n")
        assert main(["forecast", str(file(text)), "--horizon", "3", "--out", str(out)]) == 2
        shown = capsys.readouterr().err
        assert told in shown
        assert "sales.csv" in shown
        assert shown.count("\n") == 1
        assert "Traceback" not in shown
        assert out.read_text() == "the old one\n"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["forecast.csv", "sales.csv"]

    @pytest.mark.parametrize("name", ["", "absent.csv"])
    def test_a_folder_and_no_file(self, tmp_path, capsys, name):
        words = ["forecast", str(tmp_path / name), "--horizon", "3"]
        assert main(words) == 2
        shown = capsys.readouterr().err
        assert ("there is no file" if name else "is a folder; name a CSV or Parquet file") in shown

    @pytest.mark.parametrize(
        ("cells", "separator"),
        [
            ([f"{1000 + day % 7}" for day in range(60)], ","),
            ([f"1.00{day % 7},5" for day in range(60)], ";"),
            (["7"] * 60, ","),
            ([f"{1 + day % 7}e300" for day in range(60)], ","),
            ([f"{1 + day % 7}e-300" for day in range(60)], ","),
            ([str(day % 7) if day % 5 else "n/a" for day in range(60)], "|"),
        ],
        ids=["whole", "European", "constant", "huge", "tiny", "gaps"],
    )
    def test_a_file_that_can_be_used(self, file, tmp_path, cells, separator):
        stamps = pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d")
        path, out = file(table(cells, separator=separator, stamps=stamps)), tmp_path / "f.csv"
        words = ["--horizon", "3", "--lookback", "14", "--backbone", "Ridge", "--quiet"]
        words += ["--normalizer", "RevIN", "--out", str(out)]
        assert main(["forecast", str(path), *words]) == 0
        forecast = pd.read_csv(out)
        assert forecast.date.tolist() == ["2024-03-01", "2024-03-02", "2024-03-03"]
        values = read_series(path).values
        assert (forecast.x >= 0.9 * np.nanmin(values)).all()
        assert (forecast.x <= 1.1 * np.nanmax(values)).all()

    def test_a_column_without_any_value_and_a_table_that_is_too_short(self, file, capsys):
        words = ["--horizon", "30"]
        assert main(["forecast", str(file(table(NUMBERS, [""] * 12))), *words]) == 2
        assert "['y'] have no observed value" in capsys.readouterr().err
        assert main(["forecast", str(file(GOOD)), *words]) == 0
        shown = capsys.readouterr()
        assert "12 rows are too few to compare models over a horizon of 30" in shown.err
        assert shown.out.count("\n") == 31


class TestSource:
    def test_no_permission(self, file, monkeypatch):
        def closed(*_):
            raise PermissionError(13, "Permission denied")

        path = file(GOOD)
        monkeypatch.setattr(Path, "open", closed)
        assert "sales.csv may not be read (no permission). Ask its owner" in refused(path)

    @pytest.mark.parametrize("name", ["a\0b.csv", "x" * 300 + ".csv"])
    def test_names_that_no_file_can_have(self, name):
        assert "can't be read" in refused(name)

    def test_a_file_that_grows_while_it_is_read(self, file, monkeypatch):
        path, fstat, calls = file(GOOD), os.fstat, []

        def growing(number):
            if calls:
                with path.open("a") as more:
                    more.write("2024-01-13,13\n")
            calls.append(number)
            return fstat(number)

        monkeypatch.setattr(source.os, "fstat", growing)
        assert "sales.csv was written to while it was read. Try again when it is" in refused(path)
        assert len(calls) == 2

    def test_all_passes_see_the_same_bytes(self, file, monkeypatch):
        """The place of a bad cell is looked up in what was read, not in what stands there now."""
        path, read = file(GOOD.replace(",5\n", ",five\n")), source._read_bytes

        def replaced(*names):
            data = read(*names)
            path.write_text("nothing\n")
            return data

        monkeypatch.setattr(source, "_read_bytes", replaced)
        assert "line 7, column 'x': 'five'" in refused(path)

    @pytest.mark.parametrize("kind", ["csv", "gzip", "parquet"])
    @pytest.mark.parametrize("damaged", [False, True])
    def test_standard_input(self, monkeypatch, kind, damaged):
        text = GOOD.replace(",5\n", ",five\n") if damaged else GOOD
        data = text.encode()
        if kind == "gzip":
            data = gzip.compress(data)
        elif kind == "parquet":
            frame, out = pd.read_csv(io.StringIO(text)), io.BytesIO()
            frame.to_parquet(out)
            data = out.getvalue()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        if damaged:
            place = "row 6" if kind == "parquet" else "line 7"
            assert f"standard input, {place}, column 'x': 'five' is no number" in refused("-")
        else:
            assert read_series("-").values[:, 0].tolist() == list(range(12))

    def test_what_is_in_a_file_counts_more_than_its_name(self, file, tmp_path):
        pd.read_csv(io.StringIO(GOOD)).to_parquet(tmp_path / "t.parquet")
        for data, name in [
            ((tmp_path / "t.parquet").read_bytes(), "parquet.csv"),
            (gzip.compress(GOOD.encode()), "packed.csv"),
            (GOOD.encode(), "unpacked.csv.gz"),
        ]:
            assert len(read_series(file(data, name))) == 12

    def test_a_pipe_has_no_ending(self, tmp_path):
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_text, args=[GOOD])
        writer.start()
        assert len(read_series(pipe)) == 12
        writer.join()

    def test_damaged_archives(self, file, tmp_path):
        packed = gzip.compress(GOOD.encode())
        assert "t.csv.gz can't be unpacked" in refused(file(packed[:-9], "t.csv.gz"))
        assert "damaged or not complete" in refused(file(packed[:-6] + b"abcdef", "t.csv.gz"))
        pd.read_csv(io.StringIO(GOOD)).to_parquet(tmp_path / "t.parquet")
        cut = (tmp_path / "t.parquet").read_bytes()[:-40]
        assert "cut.parquet is no readable Parquet file: " in refused(file(cut, "cut.parquet"))

    def test_no_header(self, file):
        message = refused(file(GOOD.partition("\n")[2]))
        assert (
            "sales.csv, line 1 should name the columns but begins with data ('2024-01-01')"
            in message
        )


class TestMonthsAndYears:
    """What a reader of CSV takes for numbers."""

    @pytest.mark.parametrize("name", ["date", "Monat"])
    @pytest.mark.parametrize("separator", [",", ";"])
    def test_months_with_a_dot(self, file, name, separator):
        stamps = pd.date_range("2012-01-01", periods=40, freq="MS")
        rows = [f"{stamp:%m.%Y}{separator}{place}.5" for place, stamp in enumerate(stamps)]
        found = read_series(file("\n".join([f"{name}{separator}x", *rows])))
        assert found.timestamps.equals(stamps.as_unit(found.timestamps.unit))
        assert (found.frequency, found.names) == ("MS", ("x",))

    def test_years_are_found_by_their_name_alone(self, file):
        rows = [f"{year},{year % 7}.5,{year}" for year in range(1980, 2020)]
        found = read_series(file("\n".join(["Year,x,y", *rows])))
        assert (str(found.timestamps[0].date()), found.names) == ("1980-01-01", ("x", "y"))
        with pytest.raises(InputError, match="has no time column"):
            read_series(file("\n".join(["Years,x,y", *rows])))
        with pytest.raises(InputError, match="has no time column"):  # a month is in another column
            read_series(file("\n".join(["Year,x,y", *rows, rows[-1]])))

    def test_numbers_of_that_form_are_numbers_beside_a_date(self, file):
        rows = [f"2024-01-{day:02d},{day % 12 + 1:02d}.2012" for day in range(1, 30)]
        found = read_series(file("\n".join(["date,x", *rows])))
        assert found.values[0, 0] == 2.2012


class TestEncodings:
    NAMED = GOOD.replace("x", "Größe in °C")

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
    def test_read_where_it_is_certain(self, file, encoding):
        series = read_series(file(self.NAMED, encoding=encoding))
        assert series.names == ("Größe in °C",)
        assert series.layout.time == "date"
        message = refused(file(self.NAMED.replace(",5\n", ",5a\n"), encoding=encoding))
        assert (
            "line 7, column 'Größe in °C': '5a' is no number. Write it without the unit" in message
        )

    @pytest.mark.parametrize(
        ("name", "encoding"),
        [
            ("время", "cp1251"),
            ("prix à", "cp1252"),
            ("€", "cp1252"),
            ("ł", "cp1250"),
            ("売上", "cp932"),
        ],
    )
    def test_refused_where_it_is_not(self, file, name, encoding):
        message = refused(file(GOOD.replace("x", name), encoding=encoding))
        assert "sales.csv, line 1 is not UTF-8 text (byte 0x" in message
        assert "Save it as CSV UTF-8" in message

    def test_damage(self, file):
        assert "line 1 holds a zero byte" in refused(file(GOOD, encoding="utf-16-le"))
        assert "marked as UTF-16-LE but is not" in refused(file(GOOD.encode("utf-16") + b"\x00"))


class TestSeparators:
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    def test_told_by_rows_and_header(self, file, separator):
        text = table(NUMBERS, ['"1,5;2"'] * 12, separator=separator, names=["a", '"b;c,d|e"'])
        assert read_series(file(text), columns=["a"]).names == ("a",)
        assert "'1,5;2' is no number" in refused(file(text))

    def test_a_name_with_other_signs(self, file):
        text = table(NUMBERS, NUMBERS, separator=";", names=["sales, net, all", "b"])
        assert read_series(file(text)).names == ("sales, net, all", "b")

    def test_what_may_be_either(self, file):
        text = table(["1,5"] * 12, separator=";", names=["mean, daily"])
        assert "may be parted by comma or semicolon. Quote the names" in refused(file(text))
        assert read_series(file("sep=;\n" + text)).names == ("mean, daily",)

    def test_excels_first_line(self, file):
        assert len(read_series(file("sep=,\r\n" + GOOD))) == 12
        assert "sales.csv, line 8, column 'x': 'five'" in refused(
            file("sep=,\n" + GOOD.replace(",5\n", ",five\n"))
        )

    @pytest.mark.parametrize(("sign", "told"), [(":", "a colon"), (" ", "spaces"), ("^", "^")])
    def test_a_suspicion(self, file, sign, told):
        assert f"columns seem to be parted by {told}" in refused(file(GOOD.replace(",", sign)))

    def test_an_open_quote(self, file):
        message = refused(file(GOOD.replace(",5\n", ',"5\n')))
        assert "sales.csv, line 7: a quote is opened and never closed" in message
        inches = table(['5" pipe'] * 11, NUMBERS)
        assert read_series(file(inches), columns=["y"]).values[3] == 3  # odd, but no open quote

    def test_what_spreadsheets_add(self, file):
        text = "\n".join(line + ",," for line in GOOD.splitlines()) + "\n,,,\n,,,\n"
        series = read_series(file(text))
        assert series.names == ("x",)
        assert len(series) == 12

    def test_a_row_number_is_no_series(self, file):
        frame = pd.read_csv(io.StringIO(GOOD))
        assert "column 1 has no name (a row number, perhaps)" in refused(file(frame.to_csv()))
        assert read_series(file(frame.to_csv()), target=["x"]).names == ("x",)
        again = "Unnamed: 0" + frame.to_csv()
        assert "column 1 has no name" in refused(file(again))

    def test_dates_under_no_name(self, file):
        frame = pd.read_csv(io.StringIO(GOOD), index_col="date", parse_dates=True)
        series = read_series(file(frame.rename_axis(None).to_csv()))
        assert series.layout.time == ""
        assert series.names == ("x",)


class TestMissing:
    HOLED = table(["", "1", "", "nan", "4", "5", "inf", "8", "9", "", "11", ""], NUMBERS)

    def test_observed_is_the_default(self, file):
        series = read_series(file(self.HOLED))
        assert np.flatnonzero(~series.observed[:, 0]).tolist() == [0, 2, 3, 6, 9, 11]

    def test_interpolated_inside(self, file):
        values = read_series(file(self.HOLED), missing="interpolate").values
        np.testing.assert_allclose(values[1:11, 0], [1, 2, 3, 4, 5, 6.5, 8, 9, 10, 11])
        assert np.isnan(values[[0, 11], 0]).all()
        assert values[:, 1].tolist() == list(range(12))

    def test_interpolated_in_time_not_in_steps(self):
        stamps = pd.to_datetime(["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"])
        frame = pd.DataFrame({"date": stamps, "x": [0.0, np.nan, 60, 61]})
        assert read_series(frame, missing="interpolate").values[1, 0] == pytest.approx(29)
        frame["x"] = [-1.7e308, np.nan, 1.7e308, 0]
        assert np.isfinite(read_series(frame, missing="interpolate").values).all()

    def test_the_first_gap_is_named(self, file):
        message = refused(file(self.HOLED), missing="error")
        assert (
            "sales.csv, line 2: there is no value at 2024-01-01 00:00:00, column 'x'. Fill"
            in message
        )
        absent = GOOD.replace("2024-01-06,5\n", "").replace(",8\n", ",\n")
        message = refused(file(absent), missing="error")
        assert (
            "sales.csv: there is no row for 2024-01-06 00:00:00, column 'x'. Fill it in" in message
        )
        shuffled = GOOD.splitlines()
        shuffled[3], shuffled[9] = shuffled[9].replace(",8", ","), shuffled[3]
        assert "line 4: there is no value at 2024-01-09" in refused(
            file("\n".join(shuffled)), missing="error"
        )
        assert len(read_series(file(GOOD), missing="error")) == 12

    def test_a_series(self, file):
        series = read_series(file(self.HOLED))
        assert "no value of 'x' at 2024-01-01" in refused(series, missing="error")
        assert read_series(series, missing="interpolate").values[2, 0] == pytest.approx(2)

    def test_long_tables_begin_and_end_with_their_own_rows(self):
        frame = long_frame(["a"] * 6 + ["b"] * 3, [0, 1, 2, 3, 4, 5, 1, 2, 3])
        assert len(read_series(frame, missing="error")) == 6
        holed = frame.drop(index=7)
        assert "the table: there is no row for 2024-01-03 00:00:00, series 'b'" in refused(
            holed, missing="error"
        )
        filled = read_series(holed, missing="interpolate")
        np.testing.assert_array_equal(filled.values[:, 1], [np.nan, 6, 7, 8, np.nan, np.nan])


def long_frame(ids, days):
    stamps = pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D")
    return pd.DataFrame({"unique_id": ids, "ds": stamps, "y": np.arange(len(ids), dtype=float)})


class TestChoice:
    def test_targets_and_inputs(self, file):
        path = file(table(NUMBERS, ["oops"] * 12, NUMBERS))
        series = read_series(path, target=["z"], inputs=["x"])
        assert (series.names, series.targets, series.inputs) == (("z", "x"), ("z",), ("x",))
        assert "line 2, column 'y': 'oops' is no number" in refused(path, inputs=["x"])
        assert "can't be both forecast and only used" in refused(path, target=["x"], inputs=["x"])
        assert "columns and target both name" in refused(path, columns=["x"], target=["x"])
        message = refused(path, target=["w"])
        assert "has no column 'w' among ['date', 'x', 'y', 'z']; see --target" in message
        assert "has no column 'date' among" not in refused(path, target=["date"])
        assert "'date' is the time column and no series" in refused(path, target=["date"])
        assert read_series(file(table(NUMBERS, NUMBERS)), inputs=["x"]).targets == ("y",)

    def test_of_a_long_table(self):
        frame = long_frame(["a"] * 4 + ["b"] * 4 + ["c"] * 4, [0, 1, 2, 3] * 3)
        series = read_series(frame, target=["c"], inputs=["a"])
        assert (series.names, series.targets) == (("c", "a"), ("c",))
        assert series.values[0].tolist() == [8, 0]
        assert "no series ['d'] in column 'unique_id' among ['a', 'b', 'c']" in refused(
            frame, target=["d"]
        )
        assert "It is a column; name the values with --value" in refused(frame, target=["y"])
        assert "need columns of their own" in refused(frame, id="y", value="y", time="ds")

    def test_of_a_series(self, file):
        series = read_series(file(table(NUMBERS, NUMBERS)))
        assert read_series(series, target=["y"]).names == ("y",)
        assert read_series(series, inputs=["y"]).targets == ("x",)


class TestManySeries:
    def test_ten_thousand_columns(self, tmp_path):
        values = np.random.default_rng(0).normal(size=(3, 10_000))
        frame = pd.DataFrame(values, columns=[f"c{number}" for number in range(10_000)])
        frame.insert(0, "date", DAYS[:3])
        frame.to_csv(tmp_path / "t.csv", index=False)
        series = read_series(tmp_path / "t.csv")
        np.testing.assert_array_equal(series.values, values)
        message = refused(frame, target=["d"])
        assert "among ['date', 'c0'," in message
        assert "... 10001 in all]" in message

    def test_a_long_parquet_of_thousands(self, tmp_path):
        ids = np.repeat(np.arange(3000), 40)
        frame = long_frame(ids, np.tile(np.arange(40), 3000)).sample(frac=1, random_state=0)
        frame.to_parquet(tmp_path / "t.parquet", index=False)
        series = read_series(tmp_path / "t.parquet")
        assert series.values.shape == (40, 3000)
        assert series.last_timestamps is None
        order = np.argsort(np.array(series.names, dtype=int))
        np.testing.assert_array_equal(series.values[:, order].T.ravel(), np.arange(120_000))

    def test_series_that_hardly_overlap(self, monkeypatch):
        from revin_forecast.data.reading import pivot as rows

        monkeypatch.setattr(rows, "MAX_LONG_VALUES", 100)
        frame = long_frame([str(number) for number in range(60)], range(60))
        assert "60 rows of 60 series have 60 different times, so nearly all" in refused(frame)

    def test_each_is_forecast_after_its_own_end(self):
        frame = long_frame(["a"] * 6 + ["b"] * 3, [0, 1, 2, 3, 4, 5, 1, 2, 3])
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

    def test_ids_that_are_the_same_in_letters(self):
        frame = long_frame([1, 1, 1, "1"], [0, 1, 2, 3])
        assert read_series(frame).names == ("1",)


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
        assert "the table, row 3, column 'y': 'oops'" in refused(
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
        assert series.layout.time == (index.name or "date")
        assert len(series) == 5

    def test_two_levels(self):
        frame = long_frame(["a"] * 4 + ["b"] * 4, [0, 1, 2, 3] * 2).set_index(["unique_id", "ds"])
        assert read_series(frame).names == ("a", "b")

    def test_a_running_number_is_no_series(self):
        frame = pd.read_csv(io.StringIO(GOOD)).iloc[::2]
        assert read_series(frame).names == ("x",)


class TestWriting:
    FRAME = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=9000, freq="h"), "x": 0.5})

    @pytest.mark.parametrize("ending", [".csv", ".parquet"])
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
        assert [one.read_bytes() for one in tmp_path.iterdir()] == ([b"old"] if old else [])

    def test_no_permission_leaves_the_old_file(self, tmp_path, monkeypatch):
        def closed(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(pd.DataFrame, "to_csv", closed)
        (tmp_path / "f.csv").write_text("old")
        with pytest.raises(InputError, match=r"f\.csv could not be written: Permission denied"):
            write_table(self.FRAME, tmp_path / "f.csv")
        assert [one.read_text() for one in tmp_path.iterdir()] == ["old"]

    def test_places(self, tmp_path):
        for name, told in [
            ("absent/f.csv", "there is no folder"),
            ("f.txt", "is written as .csv or .parquet"),
            (".csv", "is written as .csv or .parquet"),
        ]:
            with pytest.raises(InputError, match=told):
                write_table(self.FRAME, tmp_path / name)
        (tmp_path / "g.csv").mkdir()
        with pytest.raises(InputError, match="is a folder; name a file"):
            write_table(self.FRAME, tmp_path / "g.csv")
