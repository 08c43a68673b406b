"""What users of Python pass for a table is read as one, or refused with the remedy."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.reading.to_table import EXAMPLE, to_table
from revin_forecast.errors import InputError

DAYS = pd.date_range("2024-01-01", periods=20, freq="D")
VALUES = np.arange(20.0) % 7


@pytest.mark.parametrize(
    ("table", "name"),
    [
        (pd.Series(VALUES, DAYS, name="sold"), "sold"),
        (pd.Series(VALUES, DAYS), "value"),
        (pd.Series(VALUES, DAYS.rename("day"), name="sold"), "sold"),
        (pd.Series(VALUES, DAYS.to_period("D"), name="sold"), "sold"),
        ({"date": DAYS, "sold": VALUES}, "sold"),
        ({"date": [str(day) for day in DAYS], "sold": list(VALUES)}, "sold"),
    ],
)
def test_a_series_and_a_dict_are_tables(table, name):
    series = read_series(table)
    assert series.names == (name,) or list(series.names) == [name]
    assert series.frequency == "D"
    pd.testing.assert_index_equal(series.timestamps, DAYS, check_names=False, exact="equiv")
    np.testing.assert_array_equal(series.values[:, 0], VALUES)


@pytest.mark.parametrize(
    ("table", "got"),
    [
        (VALUES, "ndarray of shape (20,)"),
        (list(VALUES), "list of 20 items"),
        (tuple(VALUES), "tuple of 20 items"),
        (None, "NoneType"),
        (7, "int"),
    ],
)
def test_values_without_times_are_refused(table, got):
    with pytest.raises(InputError) as caught:
        to_table(table)
    assert f"but got {got}. For values in a list or an array, pass {EXAMPLE}." in str(caught.value)


def test_the_example_of_the_message_works():
    table = eval(EXAMPLE, {"pd": pd, "values": VALUES})
    assert read_series(table).frequency == "D"


def test_a_series_without_dates_is_refused_with_a_remedy_that_works():
    series = pd.Series(VALUES, name="sold")
    with pytest.raises(InputError, match="needs dates as its index but has int64 ones such as 0"):
        to_table(series)
    series.index = pd.date_range("2024-01-01", periods=len(series))
    assert len(read_series(series)) == 20


def test_columns_of_several_lengths_are_refused():
    with pytest.raises(InputError, match="the columns do not make a table: .* Pass lists of one"):
        to_table({"date": DAYS[:3], "y": VALUES})


def test_a_lazy_frame_is_refused_with_the_remedy():
    polars = pytest.importorskip("polars")
    with pytest.raises(InputError, match=r"has no rows yet; pass table\.collect\(\)\."):
        to_table(polars.LazyFrame({"date": ["2024-01-01"]}))
