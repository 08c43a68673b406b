"""Formats of tables: inspected, printed, saved and given by hand, as ambiguous tables need."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml

from revin_forecast import Forecaster, Ridge, TableFormat, inspect_table, memory_map_table
from revin_forecast.cli.main import main
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.reading.text import delimited
from revin_forecast.errors import InputError
from tests.support.small_tables import DAYS, GOOD, NUMBERS, get_read_error, make_table

AMBIGUOUS_DAYS = [f"{day:02d}/{month:02d}/2024" for month, day in [(1, 2), (1, 3), (1, 4), (1, 5)]]
SHORT_DAYS = [day.replace("2024", "24") for day in AMBIGUOUS_DAYS]


def make_ambiguous_tables():
    """Return tables that are rejected, as bytes, by the name of the problem."""
    two_times = make_table(DAYS, NUMBERS, names=["time", "x"])
    tables = {
        "separator": make_table(["1,5"] * 12, separator=";", names=["mean, daily"]),
        "another separator": GOOD.replace(",", "^"),
        "day or month": make_table(NUMBERS, stamps=AMBIGUOUS_DAYS),
        "year of two digits": make_table(NUMBERS, stamps=SHORT_DAYS),
        "months or days": make_table(NUMBERS, stamps=["Jan-12", "Jan-13", "Jan-14", "Jan-15"]),
        "decimal mark": make_table(["1,234", "12,345"] * 6, separator=";"),
        "two decimal marks": make_table(["1,234.5", "2.000,5"] * 6, separator=";"),
        "time column": two_times,
        "title": "sales per day\n" + make_table(NUMBERS, names=["2024"]),
        "title, blank line": "sales per day\n\nshops 1 to 3\n" + make_table(NUMBERS, names=["7"]),
        "title with separators": "sales,,\n" + make_table(NUMBERS, NUMBERS, names=["1", "2"]),
        "French": GOOD.replace("x", "prix à").encode("cp1252"),
        "UTF-16 without a mark": GOOD.encode("utf-16-le"),
    }
    return {
        name: table if isinstance(table, bytes) else table.encode()
        for name, table in tables.items()
    }


def find_options(message):
    """Return the arguments for the encoding or the lines above the names that a message advises."""
    encodings = re.findall(r"encoding='([\w-]+)'", message)
    rows = re.findall(r"skip_rows=(\d+)", message)
    return [{"encoding": name} for name in encodings] + [{"skip_rows": int(row)} for row in rows]


def find_advice(message):
    """Return the lines of a format file that a message recommends, as such or as options."""
    forms = re.findall("time_form=[\"']([^\"']*)[\"']", message)
    forms = [f'time_form: "{form}"' for form in forms]
    assert forms or "format=FILE, where FILE says " in message, message
    text = message.partition("where FILE says ")[2]
    return forms + re.findall(r"[a-z_]+: (?:\"[^\"]*\"|'[^']*'|[\w-]+)", text)


@pytest.mark.parametrize("problem", make_ambiguous_tables())
def test_the_remedy_of_every_ambiguous_table_works(problem, write_file, tmp_path):
    path = write_file(make_ambiguous_tables()[problem])
    options = {"target": ["x"]} if problem == "time column" else {}
    message = get_read_error(path, **options)
    assert "sales.csv" in message
    advised = find_options(message)
    if advised:
        assert len(read_series(path, **advised[0])) == 12
        return
    lines = find_advice(message)
    assert lines
    if problem == "two decimal marks":  # one of the cells is wrong, whichever mark is meant
        return
    successes = []
    for line in lines:
        (tmp_path / "format.yaml").write_text(line)
        try:
            successes.append(read_series(path, format=tmp_path / "format.yaml", **options))
        except InputError:  # the other meaning, such as month 31
            continue
    assert successes
    assert len(successes[0]) >= 4


def test_both_orders_of_day_and_month_can_be_chosen(write_file):
    path = write_file(make_table(NUMBERS, stamps=AMBIGUOUS_DAYS))
    days, months = (
        read_series(path, format=TableFormat(time_form=form)) for form in ("day first", "%m/%d/%Y")
    )
    assert [str(stamp.date()) for stamp in days.timestamps[:2]] == ["2024-01-02", "2024-01-03"]
    assert [str(stamp.date()) for stamp in months.timestamps[:2]] == ["2024-02-01", "2024-03-01"]
    assert days.format.time_form == "%d/%m/%Y"
    assert (days.frequency, months.frequency) == ("D", "MS")


@pytest.mark.parametrize("mark", [",", "."])
def test_the_decimal_mark_of_a_format_decides(write_file, mark):
    path = write_file(make_table(["1,234", "1.234"] * 6, separator=";"))
    values = read_series(path, format=TableFormat(decimal=mark)).values[:2, 0]
    assert values.tolist() == ([1.234, 1234] if mark == "," else [1234, 1.234])


@pytest.mark.parametrize("late", [False, True])
def test_points_in_a_table_with_commas_are_read_as_text_once(write_file, monkeypatch, late):
    """A point may group digits there; if the first rows do not show it, a column is read again."""
    calls = []
    parse = delimited.DelimitedText.parse_as_text
    monkeypatch.setattr(
        delimited.DelimitedText,
        "parse_as_text",
        lambda *arguments: calls.append(arguments[1]) or parse(*arguments),
    )
    stamps = pd.date_range("2024-01-01", periods=200).astype(str)
    commas = ["15"] * 199 + ["1,5"] if late else ["1,5"] * 200
    path = write_file(make_table(commas, ["2.55"] * 200, separator=";", stamps=stamps))
    series = read_series(path)
    assert series.values[-1].tolist() == [1.5, 2.55]
    assert series.format.decimal == {"x": ",", "y": "."}
    assert calls == ([["y"]] if late else [])
    assert "'1.234' may be 1.234 or 1234" in get_read_error(
        write_file(make_table(commas, ["1.234"] * 200, separator=";", stamps=stamps))
    )


def test_text_with_zones_and_names_is_read_once(write_file, monkeypatch):
    monkeypatch.delattr(delimited.DelimitedText, "parse_as_text")
    rows = [
        f"{name},2024-01-0{day}T00:00+02:00,{day}" for name in ("007", "NA") for day in (1, 2, 3)
    ]
    series = read_series(write_file("\n".join(["unique_id,ds,y", *rows])))
    assert series.names == ("007", "NA")
    assert series.format.zone == "UTC+02:00"
    months = [f"{month:02d}.2012" for month in range(1, 13)]
    assert read_series(write_file(make_table(NUMBERS, stamps=months))).frequency == "MS"


def test_local_times_of_a_zone(write_file):
    stamps = pd.date_range("2024-10-26 22:00", periods=12, freq="h", tz="Europe/Berlin")
    path = write_file(make_table(NUMBERS, stamps=stamps.tz_localize(None).astype(str)))
    assert "occurs a second time" in get_read_error(path)
    series = read_series(path, format=TableFormat(zone="Europe/Berlin"))
    assert list(series.timestamps) == list(stamps)
    assert series.frequency == "h"
    assert "time zone Mars" in get_read_error(path, format=TableFormat(zone="Mars"))
    spring = write_file(
        make_table(NUMBERS[:3], stamps=[f"2024-03-31 0{hour}:00" for hour in (1, 2, 3)])
    )
    message = get_read_error(spring, format=TableFormat(zone="Europe/Berlin"))
    assert "line 3: 2024-03-31 02:00:00 does not exist in Europe/Berlin" in message


def test_lines_of_messages_count_the_lines_above_the_header(write_file):
    path = write_file("Sales;;\r\n\r\n" + make_table(["1", "two"] * 6, separator=";"))
    message = get_read_error(path, format=TableFormat(header=3))
    assert "sales.csv, line 5, column 'x': 'two' is not a number" in message
    assert "has 16 lines, but the names of the columns should be on line 99" in get_read_error(
        path, format=TableFormat(header=99)
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            make_table(["1,5"] * 12, separator=";"),
            ["by semicolons", "decimal mark ','", "ISO 8601"],
        ),
        ("unique_id,ds,y\n" + "".join(f"a,{day},1\n" for day in DAYS), ["long: series in column"]),
        (make_table(NUMBERS, stamps=["31.01.2024", "29.02.2024", "31.03.2024"]), ["form %d.%m.%Y"]),
        (make_table(NUMBERS, stamps=["202401", "202402", "202403"]), ["form %Y%m", "'date'"]),
        (make_table(NUMBERS, stamps=["2024Q1", "2024Q2", "2024Q3"]), ["form %YQ%q"]),
        (GOOD.encode("utf-16"), ["text in utf-16-le", "names on line 1"]),
    ],
)
def test_a_format_reads_its_table_and_says_how(write_file, tmp_path, text, parts):
    path = write_file(text)
    format = inspect_table(path)
    assert all(part in str(format) for part in parts), str(format)
    format.save(tmp_path / "format.yaml")
    assert TableFormat.load(tmp_path / "format.yaml") == format
    plain, again = read_series(path), read_series(path, format=tmp_path / "format.yaml")
    assert plain.format == again.format
    assert plain.timestamps.equals(again.timestamps)
    np.testing.assert_array_equal(plain.values, again.values)
    assert inspect_table(path, plain.format) == plain.format


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("seperator: ;", r"has no field 'seperator' but \['encoding', .* Did you mean separator?"),
        ("separator: ';;'", "separator of a table format is ';;', wanted one character"),
        ("header: 0", "header of a table format is 0, wanted a line number from 1 up"),
        ("header: yes", "header of a table format is True, wanted a line number"),
        ("time: no", "time of a table format is False, wanted text. Correct it .in quotes"),
        ("decimal: x", "decimal of a table format is 'x', wanted \",\" or"),
        ("time_form: sunny", "time_form of a table format is 'sunny', wanted one of ISO 8601, "),
        ("encoding: utf-88", "encoding of a table format is 'utf-88', wanted a name that Python"),
        ("encoding: base64", "encoding of a table format is 'base64'"),
        ("frequency: fortnight", "is not a frequency of pandas"),
        ("layout: tall", "layout of a table format is 'tall', wanted wide or long"),
        ("layout: wide\nid: shop", "says layout: wide, but also id: shop .* Leave them out"),
        ("[1, 2", "is not a format file: "),
        ("just text", "holds 'just text' but a format is a list of fields"),
    ],
)
def test_rejects_format_files(write_file, tmp_path, content, message):
    (tmp_path / "format.yaml").write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        read_series(write_file(GOOD), format=tmp_path / "format.yaml")
    assert "format.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rejects_formats_that_contradict_the_table(write_file, tmp_path):
    path = write_file(GOOD)
    assert "has no column 'day' among ['date', 'x']" in get_read_error(
        path, format=TableFormat(time="day")
    )
    assert "has no column 'shop'" in get_read_error(path, format=TableFormat(id="shop"))
    latin = write_file(GOOD.replace("x", "Größe").encode("cp1252"), "latin.csv")
    assert "or its format says utf-8 but is not that" in get_read_error(
        latin, format=TableFormat(encoding="utf-8")
    )
    assert "'2024-01-01' is not a date" in get_read_error(
        path, format=TableFormat(time_form="%d/%m/%Y")
    )
    assert "there is no format file" in get_read_error(path, format=tmp_path / "absent.yaml")


def test_a_form_is_applied_to_the_text_in_the_file(write_file):
    days = [f"2024-{day:02d}-01" for day in range(1, 13)]
    for name in ("date", "opened"):
        path = write_file(make_table(NUMBERS, stamps=days).replace("date", name))
        series = read_series(path, format=TableFormat(time_form="%Y-%d-%m"))
        assert (series.frequency, str(series.timestamps[-1].date())) == ("D", "2024-01-12")
    numbers = write_file(make_table(NUMBERS, stamps=["01022024", "02022024", "03022024"]))
    assert read_series(numbers, format=TableFormat(time_form="%d%m%Y")).frequency == "D"


def test_options_have_precedence_over_a_format(write_file):
    path = write_file(make_table(["1,234"] * 12, separator=";"))
    format = TableFormat(decimal=",", frequency="D")
    assert read_series(path, format=format, decimal=".").values[0, 0] == 1234


class TestLike:
    """Newer rows are read in the format of the table that the model was fitted on."""

    STAMPS = pd.date_range("2024-01-20", periods=60)

    def fit(self, write_file):
        cells = [f"{day % 7 + 1},5" for day in range(60)]
        stamps = self.STAMPS.strftime("%d/%m/%Y")
        path = write_file(make_table(cells, separator=";", stamps=stamps), "old.csv")
        return Forecaster(3, 7, Ridge).fit(read_series(path))

    def test_ambiguous_newer_rows_are_read_alike(self, write_file, tmp_path, capsys):
        self.fit(write_file).save(tmp_path / "model")
        days = pd.date_range("2024-04-01", periods=12).strftime("%d/%m/%Y")
        path = write_file(make_table(["1,234"] * 12, separator=";", stamps=days), "new.csv")
        assert "may be" in get_read_error(path)
        forecast = Forecaster.load(tmp_path / "model").predict(path)
        assert [str(stamp.date()) for stamp in forecast.date] == [
            "2024-04-13", "2024-04-14", "2024-04-15",
        ]  # fmt: skip
        assert main(["predict", str(tmp_path / "model"), str(path)]) == 0
        assert capsys.readouterr().out.splitlines()[1].startswith("13/04/2024;")

    @pytest.mark.parametrize("form", ["%d.%m.%y", "seconds since 1970"])
    def test_unusual_newer_rows_need_no_format_again(self, write_file, form):
        stamps = self.STAMPS.strftime("%s" if "since" in form else form)
        lines = make_table(["1,5", "2"] * 30, separator="^", stamps=stamps).splitlines()
        format = TableFormat(separator="^", time_form=form, zone="UTC")
        model = Forecaster(3, 7, Ridge)
        model.fit(read_series(write_file("\n".join(lines)), format=format))
        newer = write_file("\n".join([lines[0], *lines[20:]]), "new.csv")
        assert "sales.csv" not in get_read_error(newer)
        assert len(model.predict(newer)) == 3

    def test_newer_rows_may_be_written_otherwise(self, write_file):
        frame = pd.DataFrame({"date": pd.date_range("2024-04-01", periods=12), "x": 2.5})
        model = self.fit(write_file)
        expected = model.predict(frame)
        other = write_file(frame.to_csv(index=False))
        pd.testing.assert_frame_equal(model.predict(other), expected, check_dtype=False)


def test_a_memory_map_has_one_format(tmp_path):
    """The form of all times is that of the first rows; no block is read in a form of its own."""
    months = [int(f"{stamp:%Y%m}") for stamp in pd.date_range("1800-01", periods=1500, freq="MS")]
    pd.DataFrame({"date": months, "x": np.arange(1500.0)}).to_parquet(tmp_path / "t.parquet")
    mapped = memory_map_table(tmp_path / "t.parquet", tmp_path)
    assert mapped.last_rows.format == read_series(tmp_path / "t.parquet").format
    assert mapped.last_rows.format.time_form == "%Y%m"
    months[1400] = 1916
    pd.DataFrame({"date": months, "x": np.arange(1500.0)}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"row 1401, column 'date': '1916' is not a date"):
        memory_map_table(tmp_path / "t.parquet", tmp_path)


class TestCommands:
    def test_inspect_shows_and_writes_the_format(self, write_file, tmp_path, capsys):
        path, out = write_file(make_table(["1,5"] * 12, separator=";")), tmp_path / "format.yaml"
        assert main(["inspect", str(path), "--out", str(out)]) == 0
        shown = capsys.readouterr().out
        assert "columns separated by semicolons" in shown
        assert "12 steps from 2024-01-01 to 2024-01-12\n1 series: ['x']" in shown
        assert yaml.safe_load(out.read_text())["decimal"] == ","
        assert main(["inspect", str(path), "--format", str(out), "--json"]) == 0
        assert '"separator": ";"' in capsys.readouterr().out

    @pytest.mark.parametrize(
        "words",
        [
            ["forecast", "--horizon", "2", "--quiet"],
            ["backtest", "--horizon", "1", "--json"],
            ["sweep", "--lookback", "2", "--horizon", "1", "--blocks", "2", "--json"],
            ["shift-card", "--lookback", "3", "--horizon", "1", "--json"],
        ],
        ids=lambda words: words[0],
    )
    def test_commands_take_a_format(self, write_file, tmp_path, capsys, words):
        days = pd.date_range("2024-01-01", periods=60).strftime("%d.%m.%y")
        path = write_file(
            make_table([f"{day % 7},5" for day in range(60)], separator="^", stamps=days)
        )
        (tmp_path / "format.yaml").write_text("separator: ^\ntime_form: '%d.%m.%y'\n")
        command, *options = words
        assert main([command, str(path), *options]) == 2
        assert "--format FILE" in capsys.readouterr().err
        words = [command, str(path), *options, "--format", str(tmp_path / "format.yaml")]
        assert main(words) == 0, capsys.readouterr().err
