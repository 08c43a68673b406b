"""Reading of wide and long tables: formats, layouts, selection and messages."""

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError
from tests.support.small_tables import NUMBERS, get_read_error, make_long_frame, make_table

HOURS = pd.date_range("2024-03-01", periods=6, freq="h")


def make_wide_frame(rows=6, **columns):
    columns = columns or {"sold": np.arange(rows) * 1.5, "kept": np.arange(rows)}
    stamps = pd.date_range("2024-03-01", periods=rows, freq="h")
    return pd.DataFrame({"date": stamps, **columns})


def write_text(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt", ".csv.gz"])
def test_separators_and_gzip(tmp_path, separator, ending):
    path = tmp_path / f"table{ending}"
    make_wide_frame().to_csv(path, sep=separator, index=False)
    series = read_series(path)
    assert series.names == ("sold", "kept")
    assert series.frequency == "h"
    assert series.timestamps.equals(pd.DatetimeIndex(HOURS))
    np.testing.assert_array_equal(series.values, make_wide_frame()[["sold", "kept"]])


def test_parquet_frame_and_series_are_the_same(tmp_path):
    make_wide_frame().to_parquet(tmp_path / "table.parquet")
    frame, parquet = read_series(make_wide_frame()), read_series(tmp_path / "table.parquet")
    np.testing.assert_array_equal(frame.values, parquet.values)
    assert read_series(frame) is frame
    assert read_series(frame, columns=["kept"]).names == ("kept",)


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=4, max_size=30))
def test_values_are_the_nearest_float64_of_what_is_written(values, tmp_path_factory):
    path = tmp_path_factory.mktemp("exact") / "table.csv"
    rows = (f"2024-01-{day + 1:02d},{value!r}" for day, value in enumerate(values))
    write_text(path, "\n".join(["date,x", *rows]))
    kept = read_series(path, outliers="keep")
    np.testing.assert_array_equal(kept.values[:, 0], values)


@pytest.mark.parametrize("text", ["", "NaN", "nan", "NA", "null", "n/a", "inf", "-inf"])
def test_unobserved_cells(tmp_path, text):
    rows = [f"2024-01-0{day},{day}.5,1" for day in range(1, 5)]
    rows[2] = f"2024-01-03,{text},1"
    series = read_series(write_text(tmp_path / "t.csv", "\n".join(["date,x,y", *rows])))
    assert series.observed[:, 0].tolist() == [True, True, False, True]
    assert series.observed[:, 1].all()
    assert np.isnan(series.values[2, 0])


def test_an_empty_column_is_unobserved(tmp_path):
    rows = [f"2024-01-0{day},,1" for day in range(1, 5)]
    series = read_series(write_text(tmp_path / "t.csv", "\n".join(["date,x,y", *rows])))
    assert not series.observed[:, 0].any()


@pytest.mark.parametrize(
    "names", [("unique_id", "ds", "y"), ("shop", "when", "amount"), ("shop", "date", "amount")]
)
def test_long_tables(names):
    id_name, time, value = names
    stamps = [HOURS[0], HOURS[1], HOURS[2], HOURS[1], HOURS[2], HOURS[3]]
    frame = pd.DataFrame(
        {id_name: ["b", "b", "b", "a", "a", "a"], time: stamps, value: [1.0, 2, 3, 20, 30, 40]}
    )
    options = {} if id_name == "unique_id" else {"id": id_name, "value": value}
    if time == "when":
        options["time"] = time
    series = read_series(frame, **options)
    assert series.names == ("b", "a")
    np.testing.assert_array_equal(series.values, [[1, np.nan], [2, 20], [3, 30], [np.nan, 40]])
    future = series.future_timestamps(2)
    out = series.forecast_frame({"": np.array([[1.0, 3], [2, 4]])})
    assert list(out.columns) == [id_name, time, value]
    assert out[value].tolist() == [1, 2, 3, 4]
    assert out[id_name].tolist() == ["b", "b", "a", "a"]
    assert out[time].tolist() == [HOURS[3], HOURS[4], *future]  # each after its own end


def test_forecasts_have_the_wide_layout():
    series = read_series(make_wide_frame().rename(columns={"date": "When"}), time="When")
    out = series.forecast_frame({"": np.zeros((2, 2))})
    assert list(out.columns) == ["When", "sold", "kept"]
    assert out["When"].tolist() == [HOURS[-1] + pd.Timedelta(hours=1 + i) for i in range(2)]


@pytest.mark.parametrize(
    "stamps",
    [
        ["1990/1/1 0:00", "1990/1/2 0:00", "1990/1/3 0:00", "1990/1/4 0:00"],
        ["1/1/2010 0:00", "1/1/2010 1:00", "1/1/2010 2:00", "1/1/2010 3:00"],
        ["2020-01-01T00:00:00Z", "2020-01-01T01:00:00Z", "2020-01-01T02:00:00Z"],
        ["2024-01", "2024-02", "2024-03"],
        ["31.01.2024", "29.02.2024", "31.03.2024", "30.04.2024"],
        [f"{day:02d}/01/2024" for day in range(9, 16)],
        [f"01/{day:02d}/2024" for day in range(9, 16)],
        [1990, 1991, 1992],
        [1990.0, 1991.0, 1992.0],
    ],
)
def test_formats_of_time(stamps):
    series = read_series(pd.DataFrame({"time": stamps, "x": range(len(stamps))}))
    assert series.frequency is not None
    assert len(series) == len(stamps)


def test_time_column_by_content_and_rows_out_of_order():
    frame = make_wide_frame().rename(columns={"date": "moment"})[["sold", "moment"]].iloc[::-1]
    series = read_series(frame)
    assert series.format.time == "moment"
    assert series.values[:, 0].tolist() == [0, 1.5, 3, 4.5, 6, 7.5]


def test_times_in_the_index():
    named, bare = (
        make_wide_frame().set_index("date").rename_axis("When"),
        make_wide_frame().set_index("date"),
    )
    bare.index.name = None
    assert read_series(named).format.time == "When"
    series = read_series(bare)
    assert series.format.time == "date"
    assert series.names == ("sold", "kept")


def test_a_column_whose_type_changes_in_a_late_row(tmp_path):
    rows = 150_000
    stamps = pd.date_range("2000-01-01", periods=rows, freq="min").strftime("%Y-%m-%d %H:%M")
    frame = pd.DataFrame({"date": stamps, "x": "1", "y": "", "z": "1"})
    frame.loc[rows - 1] = [stamps[-1], "1.5", "2", "7"]
    frame.to_csv(tmp_path / "long.csv", index=False)
    series = read_series(tmp_path / "long.csv")
    assert series.values[-1].tolist() == [1.5, 2, 7]
    assert series.observed[:, 1].sum() == 1
    frame.loc[rows - 2, "z"] = "oops"
    frame.to_csv(tmp_path / "long.csv", index=False)
    with pytest.raises(InputError, match=f"line {rows}, column 'z': 'oops' is not a number"):
        read_series(tmp_path / "long.csv")


def test_rows_without_a_grid(tmp_path):
    frame = make_wide_frame().iloc[[0, 1, 1, 2]]
    series = read_series(frame, grid=False, frequency="h")
    assert len(series) == 4
    assert series.frequency == "h"
    with pytest.raises(InputError, match="the table, row 3: 2024-03-01 01:00:00 occurs a second"):
        read_series(frame)


def get_text_error(tmp_path, text, name="bad.csv", encoding="utf-8", **options):
    with pytest.raises(InputError) as caught:
        read_series(write_text(tmp_path / name, text, encoding), **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


HEAD = "date,x,y\n2024-01-01,1,1\n2024-01-02,2,2\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "2024-01-03,3,oops\n", "bad.csv, line 4, column 'y': 'oops' is not a number"),
        (HEAD + "\n\n2024-01-03,3,oops\n", "bad.csv, line 6, column 'y': 'oops'"),
        ('date,x\n"2024-01-01\n",1\n2024-01-02,z\n', "line 4, column 'x': 'z'"),
        (HEAD + "2024-01-03,3 %,3\n", "'3 %' is not a number. Write it without the percent sign"),
        (HEAD + "someday,3,3\n", "line 4, column 'date': 'someday' is not a date or time"),
        (HEAD + ",3,3\n", "line 4, column 'date': empty is not a date or time"),
        (
            "date,x\n01/01/2024,1\n02/01/2024,1\n03/01/2024,1\n",
            "line 3, column 'date': '02/01/2024",
        ),
        (HEAD + "2024-01-03,3\n", "line 4 has 2 cells but the header has 3"),
        (HEAD + "2024-01-02,3,3\n", "line 4: 2024-01-02 00:00:00 occurs a second time"),
        ("date,x,x\n2024-01-01,1,2\n", r"more than one column ['x']"),
        ("date,x\n", "has no rows below its header"),
        ("", "is empty; it should have a header and rows"),
        ("a,b\n1,2\n3,4\n", "has no time column among its 2 columns"),
        ("date:x\n2024-01-01:1\n", "columns seem to be separated by a colon; save the file with"),
        ("date\n2024-01-01\n2024-01-02\n", "has no column other than the time column 'date'"),
        (HEAD + "2024-01-03 07:13,3,3\n2024-01-09 01:00,1,1\n", "2024-01-03 07:13:00 comes after"),
        ("date,x\n2024-01-01,1\n", "bad.csv, line 2: one row is too few to detect the frequency"),
    ],
)
def test_messages_give_position_and_fix(tmp_path, text, message):
    assert message in get_text_error(tmp_path, text)


def test_rejects_other_input(tmp_path):
    assert "is not UTF-8 text" in get_text_error(
        tmp_path, HEAD + "2024-01-03,3,é\n", encoding="latin-1"
    )
    assert "is neither CSV" in get_text_error(tmp_path, HEAD, name="table.dat")
    assert "has the name of an Excel workbook" in get_text_error(tmp_path, HEAD, name="table.xlsx")
    assert "not a readable Parquet file" in get_text_error(tmp_path, HEAD, name="table.parquet")
    assert "see `time`" in get_text_error(tmp_path, HEAD, time="when")
    assert "has no column 'z' among" in get_text_error(tmp_path, HEAD, columns=["z"])
    assert "name it with `value`" in get_text_error(tmp_path, HEAD, id="x", value="z")
    assert "is not a frequency of pandas" in get_text_error(tmp_path, HEAD, frequency="fortnight")
    assert "comes after" in get_text_error(tmp_path, HEAD + "2024-01-04 06:00,1,1\n", frequency="D")
    with pytest.raises(InputError, match="is a folder; name a CSV"):
        read_series(tmp_path)
    with pytest.raises(InputError, match="there is no file"):
        read_series(tmp_path / "absent.csv")


def test_byte_order_mark_is_not_part_of_a_name(tmp_path):
    series = read_series(write_text(tmp_path / "t.csv", "\ufeff" + HEAD + "2024-01-03,3,3"))
    assert series.format.time == "date"
    assert series.names == ("x", "y")


def test_long_messages(tmp_path):
    long = "unique_id,ds,y\na,2024-01-01,1\na,2024-01-02,2\nb,2024-01-01,1\n"
    assert "of series 'a' occurs a second time" in get_text_error(
        tmp_path, long + "a,2024-01-01,3\n"
    )
    assert "line 5: column 'unique_id' is empty" in get_text_error(
        tmp_path, long + ",2024-01-03,3\n"
    )


def test_line_numbers_in_gzip(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress((HEAD + "2024-01-03,3,bad\n").encode()))
    with pytest.raises(InputError, match=r"t\.csv\.gz, line 4, column 'y'"):
        read_series(path)


@pytest.mark.parametrize("ids", [("001", "1"), ("NA", "ZA"), ("true", "True"), ("1.10", "1.1")])
def test_series_names_are_the_text_in_the_file(tmp_path, ids):
    rows = [f"{name},2024-01-0{day},{day}" for name in ids for day in range(1, 5)]
    path = write_text(tmp_path / "t.csv", "\n".join(["unique_id,ds,y", *rows]))
    series = read_series(path)
    assert series.names == ids
    assert series.values.tolist() == [[day, day] for day in range(1, 5)]


def test_keeps_the_offset_in_the_file(tmp_path):
    """In UTC these Mondays to Fridays would begin on Sundays."""
    days = pd.bdate_range("2024-01-01", periods=15, tz="+02:00")
    frame = pd.DataFrame({"date": days, "x": range(15)}).drop(index=[3, 8])
    frame["date"] = [day.isoformat() for day in frame["date"]]
    frame.to_csv(tmp_path / "t.csv", index=False)
    series = read_series(tmp_path / "t.csv")
    assert series.frequency == "B"
    assert list(series.timestamps) == list(days)


def test_times_and_complex_numbers_are_not_channels(tmp_path):
    rows = [f"2024-01-0{day},2024-02-0{day} 10:00,1" for day in range(1, 5)]
    text = "\n".join(["date,changed,x", *rows])
    message = get_text_error(tmp_path, text)
    assert "column 'changed' holds datetime64" in message
    assert "Pass time='changed' if it is the time, or choose the columns" in message
    assert read_series(tmp_path / "bad.csv", columns=["x"]).names == ("x",)
    with pytest.raises(InputError, match="column 'x' holds complex128"):
        read_series(make_wide_frame(x=np.full(6, 1j)))


def test_a_quoted_separator_does_not_separate(tmp_path):
    rows = [f"2024-01-0{day},{day}" for day in range(1, 5)]
    path = write_text(tmp_path / "t.csv", "\n".join(['date,"a;b;c"', *rows]))
    assert read_series(path).names == ("a;b;c",)


def test_suffixes_in_capitals(tmp_path):
    text = HEAD + "2024-01-03,3,3\n"
    (tmp_path / "T.CSV.GZ").write_bytes(gzip.compress(text.encode()))
    make_wide_frame().to_parquet(tmp_path / "T.PARQUET")
    assert len(read_series(tmp_path / "T.CSV.GZ")) == 3
    assert len(read_series(tmp_path / "T.PARQUET")) == 6


def test_names_both_rows_of_a_repeated_timestamp(tmp_path):
    message = get_text_error(tmp_path, HEAD + "2024-01-01,3,3\n")
    assert "line 4: 2024-01-01" in message
    assert "line 2 and has other values. Keep one row" in message


class TestChoice:
    def test_targets_and_inputs(self, write_file):
        path = write_file(make_table(NUMBERS, ["oops", "ooh"] * 6, NUMBERS))
        series = read_series(path, target=["z"], inputs=["x"])
        assert (series.names, series.targets, series.inputs) == (("z", "x"), ("z",), ("x",))
        assert "line 2, column 'y': 'oops' is not a number" in get_read_error(path, inputs=["x"])
        assert "can't be both targets and inputs" in get_read_error(
            path, target=["x"], inputs=["x"]
        )
        assert "columns and target both name" in get_read_error(path, columns=["x"], target=["x"])
        message = get_read_error(path, target=["w"])
        assert "has no column 'w' among ['date', 'x', 'y', 'z']; see `target`" in message
        assert "has no column 'date' among" not in get_read_error(path, target=["date"])
        assert "'date' is the time column, not a series" in get_read_error(path, target=["date"])
        assert read_series(write_file(make_table(NUMBERS, NUMBERS)), inputs=["x"]).targets == ("y",)

    def test_selection_from_a_long_table(self):
        frame = make_long_frame(["a"] * 4 + ["b"] * 4 + ["c"] * 4, [0, 1, 2, 3] * 3)
        series = read_series(frame, target=["c"], inputs=["a"])
        assert (series.names, series.targets) == (("c", "a"), ("c",))
        assert series.values[0].tolist() == [8, 0]
        assert "no series ['d'] in column 'unique_id' among ['a', 'b', 'c']" in get_read_error(
            frame, target=["d"]
        )
        assert "It is a column; name the values with `value`" in get_read_error(frame, target=["y"])
        assert "need columns of their own" in get_read_error(frame, id="y", value="y", time="ds")

    def test_selection_from_a_series(self, write_file):
        series = read_series(write_file(make_table(NUMBERS, NUMBERS)))
        assert read_series(series, target=["y"]).names == ("y",)
        assert read_series(series, inputs=["y"]).targets == ("x",)
