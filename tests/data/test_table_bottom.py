"""Sources and notes below a table in a text file are left out, with a note."""

import pytest

from revin_forecast.data.reading.read_series import read_series
from tests.support.small_tables import GOOD, NUMBERS, get_read_error, make_table

LONG = "store,date,y\n" + "".join(
    f"Store {shop},2024-01-{day:02d},{day}\n" for shop in (10, 11) for day in range(1, 13)
)


@pytest.mark.parametrize(
    ("remarks", "where"),
    [
        ("Source: the bureau\n", "line 14: the remark below the table was"),
        ("\n(12 rows affected)\n\n", "line 15: the remark below the table was"),
        ("\nSource: a, b and c\n* adjusted\n", "lines 15 to 16: the remarks below the table were"),
        ("__________\n© The Office 2024\n", "lines 14 to 15: the remarks below the table were"),
        ('"Note: preliminary, revised",\n', "line 14: the remark below the table was"),
    ],
)
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_remarks_are_left_out(write_file, remarks, where, line_break):
    path = write_file((GOOD + remarks).replace("\n", line_break))
    series = read_series(path)
    assert series.notes == (f"{path}, {where} left out",)
    assert series.values[:, 0].tolist() == list(range(12))


def test_titles_and_remarks(write_file):
    table = make_table(NUMBERS, NUMBERS, separator=";")
    path = write_file(f"Tabelle: 61111-0002\nIndex;;\n{table}\nStand: heute / 10:12\n")
    series = read_series(path)
    assert [note.removeprefix(f"{path}, ")[:13] for note in series.notes] == [
        "line 17: the ",
        "lines 1 to 2:",
    ]
    assert len(series) == 12


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("2024-01-13\n", "line 14 has 1 cells but the header has 2"),
        ("2024-01-13,5,6\n", "line 14 has 3 cells but the header has 2"),
        ("Source\n", "line 14 has 1 cells but the header has 2"),
        ("some words,13\n", "line 14, column 'date': 'some words' is not a date"),
    ],
)
def test_damaged_rows_are_not_remarks(write_file, end, message):
    assert message in get_read_error(write_file(GOOD + end))


@pytest.mark.parametrize("end", ["Store 11\n", "Store 1", "Store 11,2024-01-13\n"])
def test_a_cut_row_of_a_long_table_is_not_a_remark(write_file, end):
    message = get_read_error(write_file(LONG + end), id="store", value="y")
    assert "line 26 has" in message


def test_rows_with_decimal_commas_are_no_remarks(write_file):
    rows = [f"a|2024-01-{day:02d} 00:00:00|{day},5" for day in range(1, 10)]
    rows += [f"b|2024-01-{day:02d} 00:00:00|{day},5" for day in range(1, 4)]
    series = read_series(write_file("unique_id|ds|y\n" + "\n".join(rows)))
    assert series.notes == ()
    assert series.values[:3].tolist() == [[1.5, 1.5], [2.5, 2.5], [3.5, 3.5]]


def test_a_damaged_time_is_no_remark(write_file):
    rows = [f"2024-01-{day:02d} 00:00:00|{day},25|{day}" for day in range(1, 9)]
    path = write_file("ds|x|y\n" + "\n".join([*rows, "202$-01-09 00:00:00|9,25|9"]))
    assert "line 10, column 'ds'" in get_read_error(path)
