"""Detection of frequencies and grids."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.reading.rows.frequency import default_season, find_regular_grid
from revin_forecast.errors import InputError

STEPS = ["h", "15min", "10s", "D", "B", "W-SUN", "W-TUE", "MS", "ME", "QS-JAN", "QE-DEC", "YS-JAN"]


@pytest.mark.parametrize("frequency", STEPS)
@pytest.mark.parametrize("absent", [(), (4,), (7, 8, 9, 20)])
def test_detects_grids_with_gaps(frequency, absent):
    grid = pd.date_range("2020-01-02", periods=60, freq=frequency)
    stamps = grid.delete(list(absent))
    full_grid, name = find_regular_grid(stamps)
    assert full_grid.equals(grid)
    assert name == frequency
    assert pd.date_range(grid[-1], periods=3, freq=name)[0] == grid[-1]


@given(seed=st.integers(0, 10**6), share=st.floats(0, 0.6))
def test_absent_rows_become_unobserved_and_nothing_else_changes(seed, share):
    random = np.random.default_rng(seed)
    grid = pd.date_range("2021-01-01", periods=80, freq="h")
    is_kept = random.random(80) >= share
    is_kept[:8] = is_kept[-1] = True
    frame = pd.DataFrame({"date": grid, "x": random.normal(size=80)})
    series = read_series(frame[is_kept])
    assert series.timestamps.equals(pd.DatetimeIndex(grid))
    assert series.observed[:, 0].tolist() == is_kept.tolist()
    np.testing.assert_array_equal(series.values[is_kept, 0], frame.x[is_kept])


def test_trading_days_are_business_days_with_holidays_unobserved():
    grid = pd.bdate_range("2024-01-01", "2024-06-28")
    holidays = pd.DatetimeIndex(["2024-01-15", "2024-02-19", "2024-05-27"])
    full_grid, name = find_regular_grid(grid.difference(holidays))
    assert name == "B"
    assert full_grid.equals(grid)


def test_daylight_saving_keeps_hours():
    grid = pd.date_range("2024-03-30", periods=72, freq="h", tz="Europe/Berlin")
    frame = pd.DataFrame({"date": grid, "x": range(72)})
    series = read_series(frame)
    assert series.frequency == "h"
    assert (series.future_timestamps(2)[0] - grid[-1]) == pd.Timedelta(hours=1)
    assert str(series.timestamps.tz) == "Europe/Berlin"


def test_rejects_irregular_timestamps():
    stamps = pd.DatetimeIndex(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04 05:17"])
    with pytest.raises(InputError, match="2024-01-04 05:17:00 comes after 2024-01-03"):
        find_regular_grid(stamps)
    far = pd.DatetimeIndex(["2024-01-01 00:00:00", "2024-01-01 00:00:01", "2030-01-01"])
    with pytest.raises(InputError, match="do not follow one frequency"):
        find_regular_grid(far)
    with pytest.raises(InputError, match="2 rows are too few"):
        find_regular_grid(stamps[:2])
    assert find_regular_grid(stamps[:2], "D")[1] == "D"


def test_seasons():
    assert default_season(None) == 1
    assert default_season("10min") == 144
    assert default_season("2h") == 12
    assert default_season("QE-DEC") == 4
    assert default_season("10s") == 360
    assert default_season("BME") == 12
    assert default_season("2D") == 3


@pytest.mark.parametrize("frequency", ["D", "B", "W-SAT", "MS", "ME", "QS-JAN", "YS-JAN", "YE-DEC"])
@pytest.mark.parametrize("absent", [1, 2, 3, 4, 5, 6])
def test_detects_the_frequency_of_a_few_rows_with_a_gap(frequency, absent):
    grid = pd.date_range("2024-01-01", periods=8, freq=frequency)
    full_grid, name = find_regular_grid(grid.delete(absent))
    assert full_grid.equals(grid)
    assert default_season(name) == default_season(frequency)


def test_rejects_a_negative_frequency():
    stamps = pd.date_range("2024-01-01", periods=4)
    for grid in (True, False):
        with pytest.raises(InputError, match="does not go forward; pass D"):
            read_series(pd.DataFrame({"date": stamps, "x": 1.0}), frequency="-1D", grid=grid)
