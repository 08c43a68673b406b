"""Columns of 0 and 1 of wide tables."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.binary_columns import find_binary_columns, leave_out_binary_columns
from revin_forecast.data.reading.read_series import read_series

ROWS = 12


def make_table(**columns):
    dates = pd.date_range("2024-01-01", periods=ROWS, freq="D")
    return pd.DataFrame({"date": dates, "sold": np.arange(5.0, 5 + ROWS), **columns})


@pytest.mark.parametrize(
    "column",
    [
        np.arange(ROWS) % 2,
        np.arange(ROWS) % 3 == 0,
        np.where(np.arange(ROWS) == 4, np.nan, np.arange(ROWS) % 2),
        np.array(["0", "1"] * (ROWS // 2)),
    ],
    ids=["numbers", "booleans", "with a gap", "text"],
)
def test_columns_of_two_values_are_left_out(column):
    series = read_series(make_table(promo=column))
    assert find_binary_columns(series) == ("promo",)
    left, names = leave_out_binary_columns(series)
    assert (left.names, names) == (("sold",), ("promo",))


@pytest.mark.parametrize("column", [np.zeros(ROWS), np.ones(ROWS), np.arange(ROWS) % 3])
def test_other_columns_are_series(column):
    assert find_binary_columns(read_series(make_table(promo=column))) == ()


def test_what_the_user_names_is_forecast():
    table = make_table(promo=np.arange(ROWS) % 2)
    assert find_binary_columns(read_series(table, target=["promo"])) == ()
    assert find_binary_columns(read_series(table, columns=["sold", "promo"])) == ()
    assert find_binary_columns(read_series(table, inputs=["promo"])) == ()
    series = read_series(table)
    assert find_binary_columns(read_series(series, target=["sold", "promo"])) == ()
    assert leave_out_binary_columns(series, ["promo"]) == (series, ())
    # Marks survive slices and selections.
    named = read_series(table, target=["sold", "promo"]).slice_rows(0, 8).select(["promo", "sold"])
    assert find_binary_columns(named) == ()


def test_tables_of_such_columns_only_and_long_tables_are_forecast():
    table = make_table(promo=np.arange(ROWS) % 2)
    assert find_binary_columns(read_series(table[["date", "promo"]])) == ()
    long = table.melt("date", var_name="unique_id", value_name="y").rename(columns={"date": "ds"})
    assert find_binary_columns(read_series(long)) == ()
