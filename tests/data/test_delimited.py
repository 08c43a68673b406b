"""Separators, quotes and headers of delimited text."""

import io

import pandas as pd
import pytest

from revin_forecast.data.reading.read_series import read_series
from tests.support.small_tables import (
    GOOD,
    NUMBERS,
    get_read_error,
    make_table,
)


class TestSeparators:
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    def test_detected_from_rows_and_header(self, write_file, separator):
        text = make_table(NUMBERS, ['"1,5;2"'] * 12, separator=separator, names=["a", '"b;c,d|e"'])
        assert read_series(write_file(text), columns=["a"]).names == ("a",)
        assert "'1,5;2' is not a number" in get_read_error(write_file(text))

    def test_a_name_with_other_separators(self, write_file):
        text = make_table(NUMBERS, NUMBERS, separator=";", names=["sales, net, all", "b"])
        assert read_series(write_file(text)).names == ("sales, net, all", "b")

    def test_ambiguous_separators(self, write_file):
        text = make_table(["1,5"] * 12, separator=";", names=["mean, daily"])
        assert "may be separated by comma or semicolon. Quote the names" in get_read_error(
            write_file(text)
        )
        assert read_series(write_file("sep=;\n" + text)).names == ("mean, daily",)

    def test_excels_first_line(self, write_file):
        assert len(read_series(write_file("sep=,\r\n" + GOOD))) == 12
        assert "sales.csv, line 8, column 'x': 'five'" in get_read_error(
            write_file("sep=,\n" + GOOD.replace(",5\n", ",five\n"))
        )

    @pytest.mark.parametrize(
        ("character", "label"), [(":", "a colon"), (" ", "spaces"), ("^", "^")]
    )
    def test_suggests_an_unsupported_separator(self, write_file, character, label):
        assert f"columns seem to be separated by {label}" in get_read_error(
            write_file(GOOD.replace(",", character))
        )

    def test_an_open_quote(self, write_file):
        message = get_read_error(write_file(GOOD.replace(",5\n", ',"5\n')))
        assert "sales.csv, line 7: a quote is opened and never closed" in message
        inches = make_table(['5" pipe'] * 11, NUMBERS)
        assert (
            read_series(write_file(inches), columns=["y"]).values[3] == 3
        )  # odd, but no open quote

    def test_drops_empty_columns_and_rows(self, write_file):
        text = "\n".join(line + ",," for line in GOOD.splitlines()) + "\n,,,\n,,,\n"
        series = read_series(write_file(text))
        assert series.names == ("x",)
        assert len(series) == 12

    def test_a_row_number_is_not_a_series(self, write_file):
        frame = pd.read_csv(io.StringIO(GOOD))
        series = read_series(write_file(frame.to_csv()))
        assert series.names == ("x",)
        assert series.notes == ("column '' was not read, since it numbers the rows",)
        assert read_series(write_file(frame.to_csv()), target=["x"]).notes == ()
        again = read_series(write_file("Unnamed: 0" + frame.to_csv()))
        assert again.names == ("x",)
        assert again.notes == ("column 'Unnamed: 0' was not read, since it numbers the rows",)

    def test_numbers_without_a_name(self, write_file):
        text = make_table(NUMBERS[::-1], NUMBERS, names=["", "x"])
        assert "column 2 has no name (a row number, perhaps)" in get_read_error(write_file(text))

    def test_dates_without_a_name(self, write_file):
        frame = pd.read_csv(io.StringIO(GOOD), index_col="date", parse_dates=True)
        series = read_series(write_file(frame.rename_axis(None).to_csv()))
        assert series.format.time == ""
        assert series.names == ("x",)
