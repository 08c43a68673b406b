"""Regular steps of time: the step of each timestamp, and a step that suits irregular ones."""

from typing import cast

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from revin_forecast.data.reading.rows.frequency import parse_frequency
from revin_forecast.data.reading.rows.long_gaps import MAX_STEPS_PER_ROW
from revin_forecast.data.reading.rows.suggest_step import suggest_step
from revin_forecast.errors import InputError

MONDAY_WEEKS = "W-MON"
"""Weeks from Monday to Sunday, which begin on a Monday."""


def parse_resample(frequency: str) -> str:
    """Return the frequency of steps as pandas writes it; W is weeks from Monday to Sunday.

    Raises:
        InputError: the frequency is unknown to pandas, or its step is not positive.

    >>> parse_resample("W"), parse_resample("MS")
    ('W-MON', 'MS')
    """
    return parse_frequency(MONDAY_WEEKS if frequency == "W" else frequency, "--resample")


def assign_steps(stamps: pd.DatetimeIndex, frequency: str) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """Return the names of all steps from the first to the last timestamp, and each one's step.

    A step is named by its start; one of a frequency of ends (ME, QE, YE) by its last day. Steps of
    days and longer follow the clocks of the time zone.

    Args:
        stamps: timestamps in any order.
        frequency: pandas frequency string.

    Raises:
        InputError: nearly all steps would have no timestamp.
    """
    offset = to_offset(frequency)
    first, last = cast(pd.Timestamp, stamps.min()), cast(pd.Timestamp, stamps.max())
    count = (last - first) / ((first + offset) - first)
    if count > MAX_STEPS_PER_ROW * len(stamps):
        raise InputError(
            f"--resample {frequency} makes {int(count):,} steps of {len(stamps):,} rows, so nearly "
            f"all steps have no row. Pass a longer step, such as --resample {suggest_step(stamps)}."
        )
    if isinstance(offset, pd.offsets.Tick) and offset.rule_code != "D":
        return _assign_clock_steps(stamps, frequency)
    return _assign_calendar_steps(stamps, frequency)


def _assign_clock_steps(
    stamps: pd.DatetimeIndex, frequency: str
) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """Assign steps of equal length, counted from the first midnight."""
    step = pd.Timedelta(to_offset(frequency))
    if step.total_seconds() % 1:
        stamps = stamps.as_unit("ns")
    origin = cast(pd.Timestamp, stamps.min()).normalize()
    codes = np.asarray((stamps - origin) // step)
    start = codes.min()
    labels = pd.date_range(origin + start * step, periods=codes.max() - start + 1, freq=frequency)
    return labels, codes - start


def _assign_calendar_steps(
    stamps: pd.DatetimeIndex, frequency: str
) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """Assign days, weeks, months and longer steps, by the local date."""
    offset = to_offset(frequency)
    dates = stamps.tz_localize(None).normalize()
    has_end_names = offset.rule_code.partition("-")[0].endswith("E")
    first, last = cast(pd.Timestamp, dates.min()), cast(pd.Timestamp, dates.max())
    grid = pd.date_range(
        first if has_end_names else offset.rollback(first), last + offset, freq=offset
    )
    codes = grid.searchsorted(dates) if has_end_names else grid.searchsorted(dates, "right") - 1
    grid = grid[: codes.max() + 1]
    if stamps.tz is not None:
        # In a few zones the clocks change at midnight.
        first_of_two = np.ones(len(grid), dtype=bool)
        grid = grid.tz_localize(stamps.tz, ambiguous=first_of_two, nonexistent="shift_forward")
    return grid, codes


def list_step_bounds(labels: pd.DatetimeIndex, frequency: str) -> pd.DatetimeIndex:
    """Return (steps + 1,) the start of each step, and the end of the last one."""
    offset = to_offset(frequency)
    if offset.rule_code.partition("-")[0].endswith("E"):
        before = pd.DatetimeIndex([cast(pd.Timestamp, labels[0]) - offset])
        return pd.DatetimeIndex(before.append(labels) + pd.Timedelta(days=1))
    after = pd.DatetimeIndex([cast(pd.Timestamp, labels[-1]) + offset])
    return pd.DatetimeIndex(labels.append(after))
