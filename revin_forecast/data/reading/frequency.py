"""The rhythm of time stamps: find it, and put stamps with gaps on the full grid."""

import warnings
from collections import Counter
from collections.abc import Callable
from typing import cast

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from revin_forecast.errors import InputError

MAX_GRID_ROWS_PER_STAMP = 20
"""A grid with more rows than this times the stamps is taken for a wrong rhythm."""
SAMPLE_COUNT, SAMPLE_ROWS = 50, 6

_SEASONS = {"D": 7, "B": 5, "W": 52, "M": 12, "Q": 4, "Y": 1}
DAY_SECONDS = 24 * 60 * 60


def regular_grid(
    timestamps: pd.DatetimeIndex,
    frequency: str | None = None,
    describe_position: Callable[[int], str] | None = None,
) -> tuple[pd.DatetimeIndex, str]:
    """Return the regular grid that the stamps lie on, and its frequency.

    A frequency is tried if the stamps, or some stretch of them, show it; absent stamps are gaps.
    Days without any weekend are business days ("B").

    Args:
        timestamps: sorted, no two equal.
        frequency: of the grid; None: find it.
        describe_position: tells where in the table a stamp is from, for messages.

    Raises:
        InputError: the stamps lie on no regular grid, or are too few to tell.
    """
    if frequency is not None:
        candidates = [parse_frequency(frequency)]
    elif len(timestamps) < 3:
        rows = "one row is" if len(timestamps) == 1 else f"{len(timestamps)} rows are"
        raise InputError(
            f"{describe_position(0) + ': ' if describe_position else ''}{rows} too few to see the step between them. "
            "Pass --frequency (h, D, W-SAT, MS, ...), or more rows."
        )
    else:
        candidates = _possible_frequencies(timestamps)
    for candidate in candidates:
        grid = _build_grid(timestamps, candidate)
        if grid is not None and timestamps.isin(grid).all():
            return grid, candidate
    off = _first_off_grid(timestamps, candidates[0])
    raise InputError(
        f"{describe_position(off) + ': ' if describe_position else ''}{_irregular_message(timestamps, candidates[0], off)}"
    )


def default_season(frequency: str | None) -> int:
    """Return the usual season in steps: a day of hours, a week of days, a year of months.

    >>> [season_of(frequency) for frequency in ("h", "15min", "D", "B", "W-SAT", "MS", "QS", "YE")]
    [24, 96, 7, 5, 52, 12, 4, 1]
    """
    if frequency is None:
        return 1
    offset = to_offset(frequency)
    if (
        isinstance(offset, pd.offsets.Tick)
        and (step := pd.Timedelta(offset).total_seconds()) < DAY_SECONDS
    ):
        span = DAY_SECONDS if step >= 60 else DAY_SECONDS / 24
        return max(1, round(span / step))
    name = (
        offset.rule_code.partition("-")[0].removesuffix("S").removesuffix("E").removeprefix("B")
        or "B"
    )
    return max(1, _SEASONS.get(name, 1) // offset.n)


def _possible_frequencies(stamps: pd.DatetimeIndex) -> list[str]:
    """Return frequencies seen in the stamps, likeliest first."""
    whole = _infer_frequency(stamps)
    if whole is not None:
        return [whole]
    starts = range(
        0, max(1, len(stamps) - SAMPLE_ROWS), max(1, (len(stamps) - SAMPLE_ROWS) // SAMPLE_COUNT)
    )
    seen = Counter(_infer_frequency(stamps[start : start + SAMPLE_ROWS]) for start in starts)
    found = [frequency for frequency, _ in seen.most_common() if frequency is not None]
    found.append(_most_common_step(stamps))
    weekdays = bool((np.asarray(stamps.day_of_week) < 5).all())
    if "D" in found and weekdays:
        found.insert(0, "B")
    return [*found, *_calendar_frequencies(stamps)]


def _most_common_step(stamps: pd.DatetimeIndex) -> str:
    """Return the most common step as people write it: D and W-SAT, not 24h and 168h."""
    step = cast(pd.Timedelta, stamps.to_series().diff().mode().iloc[0])
    if step.total_seconds() % DAY_SECONDS:
        return to_offset(step).freqstr
    if step.days == 7:
        return f"W-{cast(pd.Timestamp, stamps[0]).day_name()[:3].upper()}"
    return pd.offsets.Day(int(step.days)).freqstr


def _calendar_frequencies(stamps: pd.DatetimeIndex) -> list[str]:
    """Return what a few rows with gaps may still follow: no stretch of them shows it."""
    month = cast(pd.Timestamp, stamps[0]).month_name()[:3].upper()
    return [f"YS-{month}", f"YE-{month}", f"QS-{month}", f"QE-{month}", "MS", "ME"]


def _infer_frequency(stamps: pd.DatetimeIndex) -> str | None:
    with warnings.catch_warnings():
        # Either answer will do: text today, an offset in pandas 4.
        warnings.filterwarnings("ignore", message="A future version of pandas will return")
        found = pd.infer_freq(stamps)
    return None if found is None else parse_frequency(found)


def _build_grid(stamps: pd.DatetimeIndex, frequency: str) -> pd.DatetimeIndex | None:
    """Return the stamps' grid, or None where it would be far larger than they are."""
    first, last = cast(pd.Timestamp, stamps[0]), cast(pd.Timestamp, stamps[-1])
    step = ((first + to_offset(frequency)) - first).total_seconds()
    span = (last - first).total_seconds()
    if step <= 0 or span / step > MAX_GRID_ROWS_PER_STAMP * len(stamps):
        return None
    return pd.date_range(stamps[0], stamps[-1], freq=frequency)


def parse_frequency(frequency: str | pd.offsets.BaseOffset) -> str:
    """Return a frequency as pandas writes it.

    Raises:
        InputError: pandas knows no such frequency, or it does not go forward.
    """
    try:
        offset = to_offset(frequency)
    except ValueError as error:
        raise InputError(
            f"--frequency {frequency} is none that pandas knows. "
            "Examples: h, 15min, D, B, W-SAT, MS, QS."
        ) from error
    if offset.n <= 0:
        raise InputError(
            f"--frequency {frequency} does not go forward; pass {offset.base.freqstr}."
        )
    return offset.freqstr


def _first_off_grid(stamps: pd.DatetimeIndex, frequency: str) -> int:
    """Return the first stamp that lies off the grid, or the second where there is none."""
    grid = _build_grid(stamps, frequency)
    return 1 if grid is None else int(np.flatnonzero(~stamps.isin(grid))[0])


def _irregular_message(stamps: pd.DatetimeIndex, frequency: str, place: int) -> str:
    before = f" comes after {stamps[place - 1]}" if place else " is the first"
    steps = np.diff(np.asarray(stamps.tz_localize(None), dtype="datetime64[s]"))
    hint = ""
    if stamps.tz is not None and np.median(steps.astype(float)) > 0.8 * DAY_SECONDS:
        hint = " If clock changes move them, write days without hour and offset."
    return (
        f"the rows do not follow one rhythm: {stamps[place]}{before}, which is no step of "
        f"{frequency!r}.{hint} Pass --frequency, or resample the table to regular steps first."
    )
