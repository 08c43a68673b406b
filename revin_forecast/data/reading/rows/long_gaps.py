"""Detection of mistyped dates: a few rows far before or after all others."""

from collections.abc import Callable, Iterator
from typing import cast

import numpy as np
import pandas as pd

from revin_forecast.data.formatting import format_timestamp, pluralize
from revin_forecast.errors import InputError

MAX_FAR_ROWS = 3
"""Most rows on the far side of a gap that may be mistyped; more are taken for data."""
MIN_ROWS = 5
"""Fewest rows of which one can be far from the others."""
LONG_GAP_RATIO = 10.0
"""A gap is long if it is this many times the longest gap elsewhere, and long in time as well."""
YEAR_OFF_RATIO = 4.0
"""The same for a row that would be the next step if its year were another."""
MIN_LONG_DAYS = 27.0
"""A gap of so many days is long in time."""
MIN_LONG_SHARE = 0.1
"""So is a gap of at least a day and of this share of the time that the other rows span."""
MAX_STEPS_PER_ROW = 20
"""If a table has more steps than this for each row, its times are considered wrong."""
DAY_SECONDS = 24 * 60 * 60


def check_end_gaps(
    timestamps: pd.DatetimeIndex, describe_position: Callable[[int], str] | None = None
) -> None:
    """Reject a few rows at either end that are much farther from the others than any two of those.

    A mistyped year makes such a gap, and the forecast would begin after it.

    Args:
        timestamps: sorted distinct timestamps.
        describe_position: function that returns the position of a timestamp in the table.

    Raises:
        InputError: the first or the last rows are far from the others.
    """
    if len(timestamps) < MIN_ROWS:
        return
    seconds = _to_seconds(timestamps)
    gaps = np.diff(seconds)
    for index in _list_end_gaps(len(gaps)):
        usual = _find_usual_gap(gaps, index)
        # One comparison per position, so that usual tables cost nothing more.
        if gaps[index] < YEAR_OFF_RATIO * usual:
            continue
        is_start = index < len(gaps) - MAX_FAR_ROWS and index < MAX_FAR_ROWS
        likely = _find_likely_time(timestamps, index, is_start, gaps)
        if not (_is_long(gaps, index, usual, seconds) or likely):
            continue
        raise InputError(
            _describe_gap(timestamps, index, is_start, usual, likely, describe_position)
        )


def _to_seconds(timestamps: pd.DatetimeIndex) -> np.ndarray:
    unit = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[timestamps.unit]
    return timestamps.asi8 / unit


def _list_end_gaps(count: int) -> Iterator[int]:
    """Yield the indices of the last gaps and of the first ones, the nearest to the middle first."""
    last = range(max(0, count - MAX_FAR_ROWS), count)
    yield from last
    yield from (index for index in reversed(range(min(MAX_FAR_ROWS, count))) if index not in last)


def _find_usual_gap(gaps: np.ndarray, index: int) -> float:
    """Return the longest gap that is neither near an end nor the one to judge."""
    body = gaps[MAX_FAR_ROWS:-MAX_FAR_ROWS]
    # In a short table, only the gap itself is left out.
    return float((body if len(body) >= MIN_ROWS else np.delete(gaps, index)).max())


def _is_long(gaps: np.ndarray, index: int, usual: float, seconds: np.ndarray) -> bool:
    gap = gaps[index]
    days, share = gap / DAY_SECONDS, gap / max(seconds[-1] - seconds[0] - gap, 1.0)
    is_long_in_time = days >= MIN_LONG_DAYS or (days >= 1 and share >= MIN_LONG_SHARE)
    return bool(gap >= LONG_GAP_RATIO * usual and is_long_in_time)


def _find_likely_time(
    timestamps: pd.DatetimeIndex, index: int, is_start: bool, gaps: np.ndarray
) -> pd.Timestamp | None:
    """Return the far row's time in another year if that is one usual step from its neighbour."""
    step = float(np.median(gaps)) / DAY_SECONDS
    if step > 300:  # any row of a yearly table is
        return None
    row, neighbour = (index, index + 1) if is_start else (index + 1, index)
    stamp, near = (cast(pd.Timestamp, timestamps[place]) for place in (row, neighbour))
    for year in (near.year, near.year + (-1 if is_start else 1)):
        try:
            moved = stamp.replace(year=year)
        except ValueError:  # 29 February, or a time that the clocks skip
            continue
        distance = (near - moved if is_start else moved - near).total_seconds() / DAY_SECONDS
        if year != stamp.year and 0 < distance <= 1.2 * step:
            return moved
    return None


def _describe_gap(
    timestamps: pd.DatetimeIndex,
    index: int,
    is_start: bool,
    usual: float,
    likely: pd.Timestamp | None,
    describe_position: Callable[[int], str] | None,
) -> str:
    row, neighbour = (index, index + 1) if is_start else (index + 1, index)
    stamp, near = (format_timestamp(timestamps[place]) for place in (row, neighbour))
    start, place = "", ""
    if describe_position is not None:
        start, place = f"{describe_position(row)}: ", f", {_shorten(describe_position(neighbour))}"
    seconds = _to_seconds(timestamps)
    gap = abs(float(seconds[row] - seconds[neighbour]))
    order = "before the next row" if is_start else "after the row before it"
    guess = f", perhaps for {format_timestamp(likely)}" if likely is not None else ""
    span = float(seconds[-1] - seconds[0])
    # With a grid of nearly nothing but gaps, accepting the time would not help.
    is_absurd = span > MAX_STEPS_PER_ROW * len(timestamps) * _find_median_gap(timestamps)
    accept = "" if is_absurd else ", or pass --long-gaps accept if the time is right"
    remedies = f"Correct it{',' if accept else ' or'} leave the row out{accept}."
    return (
        f"{start}{stamp} is {_format_duration(gap)} {order} in time ({near}{place}), but no other "
        f"two rows are more than {_format_duration(usual)} apart. It may be mistyped{guess}. "
        f"{remedies}"
    )


def _find_median_gap(timestamps: pd.DatetimeIndex) -> float:
    return float(np.median(np.diff(_to_seconds(timestamps))))


def _shorten(position: str) -> str:
    """Return the line or row of a position without the name of the table."""
    return position.rpartition(", ")[2]


def _format_duration(seconds: float) -> str:
    """Return a duration in the largest unit that it fills.

    >>> _format_duration(31_622_400.0), _format_duration(5400.0)
    ('366 days', '1.5 hours')
    """
    for unit, size in (("day", DAY_SECONDS), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            number = round(seconds / size, 1)
            return pluralize(int(number), unit) if number % 1 == 0 else f"{number:,} {unit}s"
    return f"{seconds:g} seconds"
