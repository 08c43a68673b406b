"""Timestamps are written in the form of the table's times."""

import pandas as pd
import pytest

from revin_forecast.data.format_timestamps import format_timestamps
from revin_forecast.data.table_format import TableFormat

DAYS = pd.date_range("2024-12-31", periods=2)
MONTHS = pd.date_range("2024-12-01", periods=2, freq="MS")
HOURS = pd.date_range("2024-12-31 23:00", periods=2, freq="h", tz="UTC")
LOCAL = HOURS.tz_localize(None)


def format_cells(stamps, form, frequency=None):
    format = TableFormat(time="t", time_form=form, frequency=frequency)
    return format_timestamps(stamps, format)["t"].tolist()


@pytest.mark.parametrize(
    ("stamps", "form", "cells"),
    [
        (DAYS, "%d.%m.%Y", ["31.12.2024", "01.01.2025"]),
        (DAYS, "%-m/%-d/%y", ["12/31/24", "1/1/25"]),
        (DAYS, "%a, %d.%m.%Y (German)", ["Di, 31.12.2024", "Mi, 01.01.2025"]),
        (MONTHS, "%Y%m", [202412, 202501]),
        (MONTHS, "%B %Y (German)", ["Dezember 2024", "Januar 2025"]),
        (MONTHS, "%b. %Y (French)", ["déc. 2024", "janv. 2025"]),
        (MONTHS, "ISO 8601 like 2024-12", ["2024-12", "2025-01"]),
        (pd.date_range("2024", periods=2, freq="YS"), "%Y", [2024, 2025]),
        (pd.date_range("2024", periods=2, freq="QS"), "quarters", ["2024Q1", "2024Q2"]),
        (pd.date_range("2024", periods=2, freq="QS"), "Q%q %Y", ["Q1 2024", "Q2 2024"]),
        (pd.date_range("2024-12-30", periods=2, freq="7D"), "%G-W%V", ["2025-W01", "2025-W02"]),
        (DAYS, "ISO 8601", ["2024-12-31", "2025-01-01"]),
        (HOURS, "ISO 8601", ["2024-12-31 23:00:00+00:00", "2025-01-01 00:00:00+00:00"]),
        (HOURS, "ISO 8601 like 2024-12-31T23:00Z", ["2024-12-31T23:00Z", "2025-01-01T00:00Z"]),
        (HOURS, "milliseconds since 1970", [1735686000000, 1735689600000]),
        (DAYS, "days since 1899-12-30", [45657, 45658]),
        (LOCAL, "%d.%m.%Y {1-24}", ["31.12.2024 24", "01.01.2025 1"]),
        (LOCAL, "%m/%d/%Y %I:%M %p", ["12/31/2024 11:00 PM", "01/01/2025 12:00 AM"]),
        # Forms that can't express the times.
        (LOCAL, "%d.%m.%Y", ["2024-12-31 23:00:00", "2025-01-01 00:00:00"]),
        (DAYS, "%G-W%V", ["2024-12-31", "2025-01-01"]),
        (DAYS, "%Y%m", ["2024-12-31", "2025-01-01"]),
    ],
)
def test_form(stamps, form, cells):
    assert format_cells(stamps, form) == cells


def test_times_of_day_are_written_in_full_at_midnight():
    midnight = pd.DatetimeIndex(["2024-12-31"])
    assert format_cells(midnight, "ISO 8601", "h") == ["2024-12-31 00:00:00"]
    assert format_cells(midnight, "%Y-%m-%d %H:%M-{end}", "h") == ["2024-12-31 00:00-01:00"]


def test_several_columns():
    frame = format_timestamps(MONTHS, TableFormat(time=["year", "month"], time_form="%Y | %-m"))
    assert frame.to_dict("list") == {"year": [2024, 2025], "month": [12, 1]}
    frame = format_timestamps(LOCAL, TableFormat(time=["day", "at"], time_form="%d.%m.%y | %H:%M"))
    assert frame.to_dict("list") == {"day": ["31.12.24", "01.01.25"], "at": ["23:00", "00:00"]}


def test_timestamps_without_a_form_are_unchanged():
    frame = format_timestamps(HOURS, TableFormat(time="t"))
    assert list(frame["t"]) == list(HOURS)


def test_repeated_times():
    assert format_cells(MONTHS.append(MONTHS), "%Y%m") == [202412, 202501] * 2
