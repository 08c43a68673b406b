"""Lines above the names of the columns, and units below them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.cli.main import main
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.reading.text.header_rows import Header, classify_cell, find_header
from revin_forecast.data.table_format import TableFormat
from tests.support.small_tables import DAYS, GOOD, NUMBERS, get_read_error, make_table

WIDE = make_table(NUMBERS, [f"{day}.5" for day in range(12)])


@pytest.mark.parametrize(
    ("above", "note"),
    [
        ("Sales per day\n", "line 1: the line above the names of the columns was left out"),
        ("Sales,,\n", "line 1: the line above the names"),
        ("# from sensor 7, floor 2\n# m, s\n", "lines 1 to 2: the lines above the names"),
        ("# a, b, c\n", "line 1: the line above the names"),
        ("// exported\n\n% by hand\n", "lines 1 to 3: the lines above the names"),
        (
            '"Data Source","World Development Indicators",\n\n"Last Updated","2024-06-28",\n\n',
            "lines 1 to 4: the lines above the names",
        ),
        ("Station,Potsdam\nRows,12\n", "lines 1 to 2: the lines above the names"),
        ("remark\n" * 70, "lines 1 to 70: the lines above the names"),
    ],
)
def test_lines_above_the_names_are_left_out_with_a_note(write_file, above, note):
    plain, series = read_series(write_file(WIDE)), read_series(write_file(above + WIDE))
    assert series.names == ("x", "y")
    assert (series.values == plain.values).all()
    assert len(series.notes) == 1
    assert f"sales.csv, {note}" in series.notes[0]
    header = 1 + above.count("\n")
    assert series.format.header == header
    again = read_series(write_file(above + WIDE), skip_rows=header - 1)
    assert (again.format, again.notes) == (series.format, ())
    message = get_read_error(write_file(above + WIDE.replace(",5,", ",five,")))
    assert f"sales.csv, line {header + 6}, column 'x': 'five'" in message


@pytest.mark.parametrize("break_", ["\n", "\r\n"])
def test_titles_in_a_table_with_semicolons(write_file, break_):
    text = "Umsatz\nQuelle: Amt\n\nDatum;Wert\n" + "".join(f"{day};1,5\n" for day in DAYS)
    series = read_series(write_file(text.replace("\n", break_)))
    assert (series.names, series.format.separator) == (("Wert",), ";")
    assert series.values[3, 0] == 1.5


@pytest.mark.parametrize(
    "units", [",°C,mm", "UTC,kg,%", "YYYY-MM-DD,[m/s],[m]", "yyyy-mm-dd hh:mm,a.u.,"]
)
def test_units_below_the_names_are_left_out_with_a_note(write_file, units):
    header, _, rows = WIDE.partition("\n")
    series = read_series(write_file(f"{header}\n{units}\n{rows}"))
    assert (series.names, len(series)) == (("x", "y"), 12)
    (note,) = series.notes
    assert note.endswith("sales.csv, line 2: the row of units below the names was left out.")
    series = read_series(write_file(f"Title\n{header}\n{units}\n{rows}"))
    assert len(series.notes) == 2
    assert "sales.csv, line 3: the row of units" in series.notes[1]
    bad = rows.replace(",5,", ",five,")
    message = get_read_error(write_file(f"Title\n{header}\n{units}\n{bad}"))
    assert "sales.csv, line 9, column 'x': 'five'" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # Either row may be the names, and the first column does not show which.
        ("when,x,y\nd,a,b\n" + WIDE.partition("\n")[2], "line 2, column 'x': 'a' is not a number"),
        # A second header within the rows is not a reason to leave out the rows above it.
        (WIDE + WIDE, "line 15: 2024-01-01 00:00:00 occurs a second time"),
        ("Sales\n" + WIDE.replace("x,y", "1,2"), "line 2 has 3 cells but line 1 has 1"),
        # Years as names, as the World Bank has them.
        (
            '"Data Source","WDI",\n\nCountry,Code,1960,1961,\nAruba,ABW,1,2,\nMalta,MLT,1,2,\n',
            "If line 3 names the columns, pass skip_rows=2.",
        ),
    ],
)
def test_uncertain_lines_are_rejected(write_file, text, message):
    assert message in get_read_error(write_file(text))


def test_a_clean_table_has_no_notes(write_file):
    assert read_series(write_file(WIDE)).notes == ()
    assert read_series(write_file("\n\n" + WIDE)).notes == ()


def test_skip_rows(write_file, capsys):
    path = write_file("Sales,1,2\n" + WIDE.replace("x,y", "1,2"))
    assert main(["inspect", str(path), "--skip-rows", "1"]) == 0
    assert "names on line 2" in capsys.readouterr().out
    assert main(["inspect", str(path), "--skip-rows", "-1"]) == 2
    assert "--skip-rows is -1; pass the number of lines" in capsys.readouterr().err
    assert main(["inspect", str(path), "--skip-rows", "99"]) == 2
    assert "names of the columns should be on line 100 (--skip-rows" in capsys.readouterr().err


def test_skip_rows_and_a_format_agree(write_file):
    path = write_file("Sales,1,2\n" + WIDE)
    assert len(read_series(path, skip_rows=1, format=TableFormat(header=2))) == 12
    message = get_read_error(path, skip_rows=1, format=TableFormat(header=3))
    assert "means that line 2 names the columns, but the format says header: 3" in message


def test_the_remedy_for_a_title_works(write_file, capsys):
    path = write_file("Sales\n" + GOOD.replace("x", "1"))
    assert main(["inspect", str(path)]) == 2
    assert "or pass --skip-rows 1." in capsys.readouterr().err
    assert main(["inspect", str(path), "--skip-rows", "1"]) == 0


@given(
    titles=st.lists(st.sampled_from([[], ["Sales"], ["a", "", ""], ["# x", "y", "z"]]), max_size=4),
    units=st.booleans(),
    rows=st.integers(1, 9),
)
def test_the_names_are_found_below_any_titles(titles, units, rows):
    above = [row for row in titles if row]
    body = [[day, "1", "2.5"] for day in DAYS[:rows]]
    table = [*above, ["date", "x", "y"], *([["", "kg", "m"]] if units else []), *body]
    assert find_header(table) == Header(len(above), len(above) + 1 if units else None)


@pytest.mark.parametrize(
    ("kind", "cells"),
    {
        "time": [
            "2024-01-01",
            "1.2.2024",
            "12:30",
            "Jan-12",
            "3. März 2024",
            "2024-W05",
            "Q1 2005",
        ],
        "number": ["1", "-1,5", "1.234,5", "€ 12", "12 %", "1e5", ".5", "inf"],
        "text": ["x", "CO2", "Store 12", "PM2.5", "kg/m3", "Report 2024"],
        "empty": ["", " ", "NA", "-"],
    }.items(),
)
def test_kinds_of_cells(kind, cells):
    assert {cell: classify_cell(cell) for cell in cells} == dict.fromkeys(cells, kind)
