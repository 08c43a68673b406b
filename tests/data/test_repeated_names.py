"""Lines within a table that repeat the names of its columns are left out, with a note."""

import pytest

from revin_forecast.data.reading.read_series import read_series
from tests.support.small_tables import GOOD, get_read_error

LINES = GOOD.splitlines()


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("rows", [[4], [4, 9], [12]])
def test_repeated_names_are_left_out(write_file, rows, line_break):
    lines = [*LINES]
    for row in reversed(rows):
        lines.insert(row + 1, LINES[0])
    path = write_file(line_break.join(lines))
    series = read_series(path)
    more = ", and 1 more such line" if len(rows) == 2 else ""
    note = f"{path}, line {rows[0] + 2}: the repeated names of the columns were left out{more}"
    assert series.notes == (note,)
    assert series.values[:, 0].tolist() == list(range(12))


def test_lines_keep_their_numbers(write_file):
    text = "\n".join([*LINES[:4], LINES[0], *LINES[4:]]).replace(",7", ",seven")
    assert "line 10, column 'x': 'seven' is not a number" in get_read_error(write_file(text))


def test_series_one_below_the_other(write_file):
    part = "store,date,y\n" + "".join(f"A,2024-01-{day:02d},{day}\n" for day in range(1, 13))
    path = write_file(part + part.replace("A,", "B,"))
    assert read_series(path, id="store", value="y").names == ("A", "B")


def test_other_names_are_rejected(write_file):
    message = get_read_error(write_file(GOOD + GOOD.replace("x", "returns")))
    assert "line 14, column 'x': 'returns' is not a number" in message
