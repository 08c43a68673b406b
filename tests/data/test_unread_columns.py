"""Columns of a wide table that are not series."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.reading.read_series import read_series
from tests.support.remedies import TARGET_FLAG, follow_remedy
from tests.support.small_tables import DAYS, get_read_error

FRAME = pd.DataFrame({"date": DAYS, "sales": np.arange(12) * 5 % 7})


def write(tmp_path, frame):
    path = tmp_path / "sales.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("name", "cells", "reason"),
    [
        ("store", 1, "since all its cells are '1'"),
        ("store_nbr", 45, "since all its cells are '45'"),
        ("store", "S1", "since all its cells are 'S1'"),
        ("unit", "kg", "since all its cells are 'kg'"),
        ("id", range(12), "since it numbers the rows"),
        ("id", range(300, 324, 2), "since it numbers the rows"),
        ("index", range(1, 13), "since it numbers the rows"),
        ("Unnamed: 0", range(12), "since it numbers the rows"),
        ("", range(12), "since it numbers the rows"),
        ("No", range(1, 13), "since it numbers the rows"),
        ("unix", np.arange(12) * 86_400 + 1_704_067_200, "since it has times too"),
        ("date_key", range(20240101, 20240113), "since it has times too"),
    ],
)
def test_left_out_with_a_note(tmp_path, name, cells, reason):
    series = read_series(write(tmp_path, FRAME.assign(**{name: cells})))
    assert series.names == ("sales",)
    assert series.notes == (f"column {name!r} was not read, {reason}",)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("unix load", np.arange(12) ** 2 * 86_400 + 1_704_067_200),
        ("power", np.arange(12) * 86_400 + 1_704_067_200),
        ("price", 5),  # a constant series under another name
        ("trend", range(12)),
        ("shop", [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]),
        ("shop 1", 4),
        ("no", [*range(11), 20]),
        ("index", np.arange(12) * 1.5),
        ("id", [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]),
    ],
)
def test_other_columns_are_series(tmp_path, name, cells):
    series = read_series(write(tmp_path, FRAME.assign(**{name: cells})))
    assert (series.names, series.notes) == (("sales", name), ())


def test_a_column_that_is_named_or_alone_is_read(tmp_path):
    path = write(tmp_path, FRAME.assign(store=1, id=range(12)))
    series = read_series(path, target=["store", "id"])
    assert (series.names, series.notes) == (("store", "id"), ())
    assert read_series(write(tmp_path, FRAME.assign(sales=1).rename(columns={"sales": "store"})))


@pytest.mark.parametrize("cells", [[1] * 12 + [2] * 12, [1, 2, 3] * 8])
def test_numbers_that_look_like_series_are_asked_about(tmp_path, capsys, cells):
    days = pd.date_range("2024-01-01", periods=24).strftime("%Y-%m-%d")
    frame = pd.DataFrame({"date": days, "sales": np.arange(24) * 5 % 7, "store": cells})
    path = write(tmp_path, frame)
    message, _ = follow_remedy(capsys, "inspect", path, remedy=TARGET_FLAG)
    assert "column 'store' repeats the numbers 1, 2" in message
    _, out = follow_remedy(capsys, "inspect", path)
    assert "long: series in column 'store'" in out


def test_texts_in_a_wide_table_have_a_remedy(tmp_path, capsys):
    frame = FRAME.assign(weekday=pd.to_datetime(FRAME.date).dt.day_name(), price=1.5)
    message, out = follow_remedy(capsys, "inspect", write(tmp_path, frame), remedy=TARGET_FLAG)
    assert "line 2, column 'weekday': 'Monday' is not a number. Choose the columns" in message
    assert "--id" not in message
    assert "2 series: ['sales', 'price']" in out


def test_newer_rows_have_the_columns_of_the_earlier_ones(tmp_path):
    frame = FRAME.assign(store=1, item=[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8], unit="kg")
    earlier = read_series(write(tmp_path, frame))
    assert earlier.names == ("sales", "item")
    newer = read_series(
        write(tmp_path, frame[3:5].assign(item=7)), like=earlier.format, frequency="D"
    )
    assert {"sales", "item"} <= set(newer.names)
    assert newer.select(["item"]).values.ravel().tolist() == [7, 7]
    again = read_series(write(tmp_path, pd.concat([FRAME, FRAME[:0]])), like=earlier.format)
    assert again.names == ("sales",)
    twice = pd.concat([frame, frame[2:3]]).assign(shop=["a", "b"] * 6 + ["b"])
    assert "is not a number" in get_read_error(write(tmp_path, twice), like=earlier.format)
