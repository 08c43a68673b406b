"""Tables with a column for each month, hour or date are rejected with a remedy that works."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.reading.read_series import read_series
from tests.support.small_tables import DAYS, get_read_error

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
GERMAN_MONTHS = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]
VALUES = np.arange(12.0 * 24).reshape(12, 24)


@pytest.mark.parametrize("names", [MONTHS, GERMAN_MONTHS, [*MONTHS, "Total"]])
def test_months_as_columns(tmp_path, names):
    frame = pd.DataFrame(VALUES[:, : len(names)], columns=names)
    frame.insert(0, "Year", np.arange(2001, 2013))
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    message = get_read_error(path)
    assert f"{path}, line 1: columns ['{names[0]}', " in message
    assert "are the months of a year, but a table has a row for each time" in message
    assert len(read_series(path, target=names[:12])) == 12
    if len(names) == 12:
        assert "in pandas: frame.melt('Year', var_name='month')" in message
        frame.melt("Year", var_name="month").to_csv(path, index=False)
        series = read_series(path)
        assert (series.frequency, len(series)) == ("MS", 144)
        assert series.values[:, 0].tolist() == VALUES[:, :12].ravel().tolist()


@pytest.mark.parametrize(
    "names",
    [
        [f"h{hour}" for hour in range(1, 25)],
        [f"Hour {hour:02d}" for hour in range(24)],
        [f"{hour:02d}:00" for hour in range(24)],
    ],
)
def test_hours_as_columns(tmp_path, names):
    frame = pd.DataFrame(VALUES, columns=names)
    frame.insert(0, "date", DAYS)
    message = get_read_error(frame)
    assert "s of a day, but a table has a row for each time. Write a row for each" in message
    assert read_series(frame, target=names).names == tuple(names)
    assert ("frame.melt(" in message) == (":" in names[0])
    if ":" in names[0]:
        path = tmp_path / "t.csv"
        frame.melt("date", var_name="time").to_csv(path, index=False)
        assert (read_series(path).frequency, len(read_series(path))) == ("h", 288)


@pytest.mark.parametrize("name", ["store", "date"])
def test_dates_as_columns(tmp_path, name):
    frame = pd.DataFrame([[5.0, *range(11)], [6.0, *range(11)]], ["a", "b"], DAYS)
    path = tmp_path / "t.csv"
    frame.rename_axis(name).to_csv(path)
    message = get_read_error(path)
    assert "line 1: 12 columns are named by times, '2024-01-01' to '2024-01-12', but" in message
    assert f"frame.set_index('{name}').T.to_csv('new.csv', index_label='date')" in message
    frame.T.to_csv(path, index_label="date")
    assert read_series(path).names == ("a", "b")


def test_some_months_or_numbers_are_series():
    frame = pd.DataFrame(VALUES[:, :11], columns=MONTHS[:11])
    assert read_series(frame.assign(date=DAYS)).names == tuple(MONTHS[:11])
    frame = pd.DataFrame(VALUES, columns=[str(number) for number in range(1, 25)])
    assert len(read_series(frame.assign(date=DAYS)).names) == 24
