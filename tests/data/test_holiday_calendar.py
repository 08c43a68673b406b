"""Holidays of countries in steps of hours, days, weeks and months."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.covariates import known_covariates, table_columns
from revin_forecast.data.holiday_calendar import (
    count_holidays,
    list_holiday_columns,
    load_holidays,
    measure_step,
)
from revin_forecast.errors import InputError

YEAR = pd.date_range("2024-01-01", "2024-12-31", freq="D")
GERMAN_DAYS = [
    "2024-01-01",
    "2024-03-29",
    "2024-04-01",
    "2024-05-01",
    "2024-05-09",
    "2024-05-20",
    "2024-10-03",
    "2024-12-25",
    "2024-12-26",
]


def find_days(column, stamps=YEAR, frequency="D"):
    return [str(day.date()) for day in stamps[count_holidays(column, stamps, frequency) > 0]]


def test_a_country_has_its_days_and_a_part_more():
    assert find_days("holiday:DE") == GERMAN_DAYS
    assert set(find_days("holiday:DE-BY")) - set(GERMAN_DAYS) >= {"2024-01-06", "2024-11-01"}
    assert find_days("holiday:de") == GERMAN_DAYS


def test_a_single_holiday_and_the_days_about_it():
    assert find_days("holiday:DE/Labor Day") == ["2024-05-01"]
    assert find_days("holiday:DE/Labor Day@-1") == ["2024-04-30"]
    assert find_days("holiday:DE/Labor Day@+1") == ["2024-05-02"]
    assert find_days("holiday:DE/No such day") == []


def test_an_observed_holiday_is_the_same_holiday():
    # 4 July 2020 was a Saturday, so offices closed on the Friday as well.
    stamps = pd.date_range("2020-07-01", periods=7, freq="D")
    days = find_days("holiday:US/Independence Day", stamps)
    assert days == ["2020-07-03", "2020-07-04"]


def test_days_are_local_days():
    stamps = pd.date_range("2024-04-30 20:00", periods=30, freq="h", tz="Europe/Berlin")
    values = count_holidays("holiday:DE", stamps, "h")
    assert values.tolist() == [0.0] * 4 + [1.0] * 24 + [0.0] * 2


@pytest.mark.parametrize("frequency", ["MS", "ME", "BME", "QS", "QE", "W-SUN", "W-MON", "7D"])
def test_longer_steps_count_every_holiday_once(frequency):
    stamps = pd.date_range("2023-06-01", "2025-06-30", freq=frequency)
    inner = find_days("holiday:DE", pd.date_range(stamps[1], stamps[-2], freq="D"))
    values = count_holidays("holiday:DE", stamps, frequency)
    assert values.max() >= 2
    assert len(inner) <= values.sum() <= len(inner) + 12
    # Each day is in one step: steps meet without a gap.
    assert abs(values[2:-2].sum() - len(inner)) <= 2 * values.max()


def test_a_month_counts_its_own_days():
    for frequency in ("MS", "ME"):
        stamps = pd.date_range("2024-01-01", periods=12, freq=frequency)
        counts = count_holidays("holiday:DE", stamps, frequency)
        assert counts.tolist() == [1, 0, 1, 1, 3, 0, 0, 0, 0, 1, 0, 2]


def test_a_week_on_a_monday_begins_and_any_other_ends():
    # Christmas 2024 was a Wednesday.
    monday, sunday = pd.DatetimeIndex(["2024-12-23"]), pd.DatetimeIndex(["2024-12-29"])
    assert count_holidays("holiday:DE/Christmas Day", monday, "W-MON") == 1
    assert count_holidays("holiday:DE/Christmas Day", sunday, "W-SUN") == 1
    assert (
        count_holidays("holiday:DE/Christmas Day@-1", monday - pd.Timedelta(days=7), "W-MON") == 1
    )
    assert {measure_step(f"W-{day}").days for day in ("MON", "TUE", "SAT", "SUN")} == {7}


def test_columns_of_a_country():
    columns = list_holiday_columns("holiday:DE", YEAR, "D")
    assert columns[0] == "holiday:DE"
    assert "holiday:DE/Easter Monday@+1" in columns
    assert all(count_holidays(column, YEAR, "D").any() for column in columns)
    hours = pd.date_range("2024-01-01", periods=48, freq="h")
    hourly = list_holiday_columns("holiday:DE", hours, "h")
    assert {"holiday:DE*cos1", "holiday:DE*sin2"} <= set(hourly)
    assert not any("@" in name for name in list_holiday_columns("holiday:DE", YEAR, "MS"))
    assert list_holiday_columns("holiday:DE", YEAR[10:40], "D") == ()


def test_waves_follow_the_hours_of_the_holiday():
    stamps = pd.date_range("2024-05-01", periods=24, freq="h")
    angles = 2 * np.pi * np.arange(24) / 24
    for wave, expected in (("cos1", np.cos(angles)), ("sin2", np.sin(2 * angles))):
        np.testing.assert_allclose(
            count_holidays(f"holiday:DE*{wave}", stamps, "h"), expected, atol=1e-12
        )


def test_holidays_are_known_covariates():
    assert table_columns(["holiday:DE", "price", "holiday:DE/Labor Day@-1"]) == ["price"]
    known = known_covariates(["holiday:DE", "weekday=2"], YEAR[120:123], "D")
    assert known.tolist() == [[0, 0], [1, 1], [0, 0]]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("holiday:XX", r"holiday:XX names no country .* countries by their two letters .*NYSE"),
        ("holiday:DE-XX", r"DE has no part 'XX'.*BY"),
        ("holiday:", "'holiday:' is not a holiday. Write the code of a country"),
    ],
)
def test_unknown_holidays_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        count_holidays(name, YEAR, "D")


def test_the_library_is_an_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "holidays", None)
    with pytest.raises(InputError, match=r'not installed: pip install .*"\.\[holidays\]"'):
        load_holidays("AT", (1999,))
