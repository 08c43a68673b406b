"""Numbers: parsed where they are unambiguous, rejected with line, column and fix otherwise."""

import io
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.reading.read_series import read_series
from tests.support.small_tables import (
    DAYS,
    GOOD,
    get_read_error,
    make_table,
)


class TestNumbers:
    @pytest.mark.parametrize(
        ("cells", "values"),
        [
            (["1,5", "2", "-0,25"], [1.5, 2, -0.25]),
            (["1.234,5", "999", "2.000"], [1234.5, 999, 2000]),
            (["1,234.5", "999", "2,000"], [1234.5, 999, 2000]),
            (["1,234,567", "999", "2,000"], [1234567, 999, 2000]),
            (["1.234.567", "999", "2.000"], [1234567, 999, 2000]),
            (["1 234,5", "1\u00a0000", "1\u202f000,25"], [1234.5, 1000, 1000.25]),
            (["1'234.5", "999", "2\u2019000"], [1234.5, 999, 2000]),
            (["0,123", "1,234", "12,345"], [0.123, 1.234, 12.345]),
            (["1,234", "12,345", "1,5e3"], [1.234, 12.345, 1500]),
            (["1234,567", "1,234", "7"], [1234.567, 1.234, 7]),
            (["1.234", "12.345", "123.456"], [1.234, 12.345, 123.456]),
            ([" 7 ", "+3", "\u22125"], [7, 3, -5]),
            (["True", "false", "True"], [1, 0, 1]),
            (["1e300", "-1e-300", "5e-324"], [1e300, -1e-300, 5e-324]),
            (["9007199254740993", "-1", "18446744073709551617"], [2**53, -1, 2**64]),
            (['"5"', '"6"', '"7"'], [5, 6, 7]),
        ],
    )
    def test_parses_unambiguous_numbers(self, write_file, cells, values):
        series = read_series(write_file(make_table(cells * 4, separator=";")))
        assert series.values[:3, 0].tolist() == values

    @pytest.mark.parametrize(
        ("cells", "message"),
        [
            (["1,234", "12,345"], "'1,234' may be 1.234 or 1234. Choose the decimal mark"),
            (
                ["1,5", "2.5"],
                "line 3, column 'x': '2.5' and '1,5' above it have different decimal marks",
            ),
            (["0x1F", "0x2"], "line 2, column 'x': '0x1F' is not a number"),
            (["0xFFFFFFFFFFFFFFFF", "1"], "'0xFFFFFFFFFFFFFFFF' is not a number"),
            (["5 %", "6"], "'5 %' is not a number. Write it without the percent sign"),
            (["€ 5", "6"], "'€ 5' is not a number. Write it without the currency"),
            (["€ 5", "$ 6"], "line 3, column 'x': the sign is $, but € above it. Write all"),
            (["5", "6", "-", "n.a."], "'-' is not a number"),
            (["123*", "5"], "'123*' is not a number"),
            (["123 (p)", "5"], "'123 (p)' is not a number"),
            (["5 kg", "6 kg"], "'5 kg' is not a number. Write it without the unit"),
            (["12,34,567", "1"], "'12,34,567' is not a number"),
            (
                ["north", "south"],
                "'north' is not a number. Correct it, leave it empty if it was not",
            ),
            (["1_000", "1"], "'1_000' is not a number"),
            (["12:30", "12:45"], "column 'x': '12:30:00' is not a number"),
            (["1,5", "1e999"], "line 3, column 'x': '1e999' is larger than any float64"),
            (["1.234,5", "0.500"], "line 3, column 'x': '0.500' "),
        ],
    )
    def test_rejects_other_cells(self, write_file, cells, message):
        assert message in get_read_error(write_file(make_table(cells * 6, separator=";")))

    def test_other_columns_decide_about_a_comma_but_not_a_point(self, write_file):
        ambiguous = ["1,234"] * 12
        series = read_series(write_file(make_table(["1,5"] * 12, ambiguous, separator=";")))
        assert series.values[0].tolist() == [1.5, 1.234]
        assert "may be 1.234 or 1234" in get_read_error(
            write_file(make_table(["1.5"] * 12, ambiguous, separator=";"))
        )
        assert "'1.234' may be 1.234 or 1234" in get_read_error(
            write_file(make_table(["1,5"] * 12, ["1.234"] * 12, separator=";"))
        )

    @pytest.mark.parametrize(
        ("decimal", "values"), [(",", [1.234, 1234, 1.5]), (".", [1234, 1.234, 15])]
    )
    def test_decimal_option_decides(self, write_file, decimal, values):
        last = "1,5" if decimal == "," else "15"
        path = write_file(make_table(["1,234"] * 12, ["1.234"] * 12, [last] * 12, separator="|"))
        assert read_series(path, decimal=decimal).values[0].tolist() == values
        wrong = "2.5" if decimal == "," else "2,5"
        path = write_file(make_table([wrong] * 12, separator="|"))
        assert f"'{wrong}' is not a number" in get_read_error(path, decimal=decimal)

    def test_a_contradiction_in_a_late_row(self, write_file):
        stamps = pd.date_range("2000-01-01", periods=30_000, freq="h").astype(str)
        cells = ["1,5"] * 29_999 + ["2.5"]
        text = make_table(cells, separator=";", stamps=stamps)
        assert "line 30001, column 'x': '2.5' is not a number" in get_read_error(write_file(text))

    def test_objects_in_a_frame(self):
        cells = [1, 2.5, Decimal("3.25"), "4,5", None, "n/a", np.float32(2), True, np.nan, pd.NA, 0]
        frame = pd.DataFrame({"date": DAYS[:11], "x": pd.Series(cells, dtype=object)})
        values = read_series(frame).values[:, 0]
        np.testing.assert_array_equal(values[:4], [1, 2.5, 3.25, 4.5])
        assert np.isnan(values[[4, 5, 8, 9]]).all()
        assert values[6:8].tolist() == [2, 1]
        frame["x"] = pd.Series([[1]] * 11, dtype=object)
        assert "the table, row 1, column 'x': '[1]' is not a number" in get_read_error(frame)
        frame["x"] = pd.Series([10**400] * 11, dtype=object)
        assert "the table, row 1, column 'x': '1000" in get_read_error(frame)

    def test_leaves_a_frame_unchanged(self):
        frame = pd.read_csv(io.StringIO(GOOD))
        before = frame.copy(deep=True)
        read_series(frame.iloc[::-1], missing="interpolate").values[:] = 0
        pd.testing.assert_frame_equal(frame, before)

    @pytest.mark.parametrize(
        ("cell", "remedy"),
        [
            ("1,00,100.5", "is not a number. Write it without the commas. Correct it"),
            ("\u0661\u0660.\u0660", "is not a number. Correct it"),
            ("1,5", "If the comma is its decimal mark, pass decimal=','. Correct it"),
        ],
    )
    def test_a_remedy_that_works(self, cell, remedy):
        frame = pd.DataFrame({"date": DAYS, "x": [cell] * 12})
        options = {"decimal": "."} if cell == "1,5" else {}
        assert remedy in get_read_error(frame, **options)
