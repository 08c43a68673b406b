"""Detection of the frequency of timestamps, and the full grid of timestamps with gaps."""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from revin_forecast.data.formatting import format_timestamp, pluralize
from revin_forecast.data.reading.rows.long_gaps import DAY_SECONDS, MAX_STEPS_PER_ROW
from revin_forecast.data.reading.rows.suggest_step import suggest_resample
from revin_forecast.errors import InputError

SAMPLE_COUNT, SAMPLE_ROWS = 50, 6
MIN_REGULAR_ROWS = 4
"""Fewest rows on a grid by which others are found to be off it."""
MAX_OFF_SHARE = 0.03
"""If more rows are off every grid, the table is irregular rather than mistyped."""

# By the first part of a pandas offset, without its variants (start, end, business).
_SEASONS = {"D": 7, "B": 5, "W": 52, "M": 12, "Q": 4, "Y": 1}


def find_regular_grid(
    timestamps: pd.DatetimeIndex,
    frequency: str | None = None,
    describe_position: Callable[[int], str] | None = None,
) -> tuple[pd.DatetimeIndex, str]:
    """Return the regular grid that contains the timestamps, and its frequency.

    A frequency is tried if it fits all timestamps or some stretch of them; absent timestamps are
    gaps. Days without any weekend are business days ("B").

    Args:
        timestamps: sorted distinct timestamps.
        frequency: frequency of the grid; None: detect it.
        describe_position: function that returns the position of a timestamp in the table, for
            messages.

    Raises:
        InputError: no regular grid contains the timestamps, or they are too few to detect one.
    """
    if frequency is not None:
        candidates = [parse_frequency(frequency)]
    elif len(timestamps) < 3:
        rows = "one row is" if len(timestamps) == 1 else f"{len(timestamps)} rows are"
        raise InputError(
            f"{describe_position(0) + ': ' if describe_position else ''}{rows} too few to detect "
            "the frequency. Pass --frequency (h, D, W-SAT, MS, ...), or more rows."
        )
    else:
        candidates = _list_candidate_frequencies(timestamps)
    # The first grid that contains every row wins; no row is moved to fit one.
    for candidate in candidates:
        grid = _build_grid(timestamps, candidate)
        if grid is not None and timestamps.isin(grid).all():
            return grid, candidate
    index, problem = _find_irregularity(timestamps, candidates)
    raise InputError(f"{describe_position(index) + ': ' if describe_position else ''}{problem}")


def default_season(frequency: str | None) -> int:
    """Return the usual season in steps: a day of hours, a week of days, a year of months.

    >>> frequencies = ("h", "15min", "D", "B", "W-SAT", "MS", "QS", "YE")
    >>> [default_season(frequency) for frequency in frequencies]
    [24, 96, 7, 5, 52, 12, 4, 1]
    """
    if frequency is None:
        return 1
    offset = to_offset(frequency)
    if (
        isinstance(offset, pd.offsets.Tick)
        and (step := pd.Timedelta(offset).total_seconds()) < DAY_SECONDS
    ):
        # Below a minute the season is an hour: a day would be thousands of steps.
        span = DAY_SECONDS if step >= 60 else DAY_SECONDS / 24
        return max(1, round(span / step))
    name = (
        offset.rule_code.partition("-")[0].removesuffix("S").removesuffix("E").removeprefix("B")
        or "B"
    )
    return max(1, _SEASONS.get(name, 1) // offset.n)


def parse_frequency(frequency: str | pd.offsets.BaseOffset, option: str = "--frequency") -> str:
    """Return a frequency as the string that pandas uses for it.

    Args:
        frequency: the frequency.
        option: option that it was given with, for messages.

    Raises:
        InputError: the frequency is unknown to pandas, or its step is not positive.
    """
    try:
        offset = to_offset(frequency)
    except ValueError as error:
        raise InputError(
            f"{option} {frequency} is not a frequency of pandas. "
            "Examples: h, 15min, D, B, W-SAT, MS, QS."
        ) from error
    # Pandas accepts -1D, whose grid would be empty.
    if offset.n <= 0:
        raise InputError(f"{option} {frequency} does not go forward; pass {offset.base.freqstr}.")
    return offset.freqstr


def _list_candidate_frequencies(stamps: pd.DatetimeIndex) -> list[str]:
    """Return the frequencies that fit a part of the timestamps, the most likely first."""
    frequency = _infer_frequency(stamps)
    if frequency is not None:
        is_exact = frequency == "D" or isinstance(to_offset(frequency), pd.offsets.Tick)
        grid = None if is_exact else _build_grid(stamps, frequency)
        # Pandas overlooks some rows of months, such as a first one on the second day.
        if is_exact or (grid is not None and stamps.isin(grid).all()):
            return [frequency]
    # Gaps hide the frequency of the whole, but not that of most short samples.
    starts = range(
        0, max(1, len(stamps) - SAMPLE_ROWS), max(1, (len(stamps) - SAMPLE_ROWS) // SAMPLE_COUNT)
    )
    counts = Counter(_infer_frequency(stamps[start : start + SAMPLE_ROWS]) for start in starts)
    candidates = [frequency for frequency, _ in counts.most_common() if frequency is not None]
    candidates.append(_find_most_common_step(stamps))
    # Rows without weekends fit the daily grid, too, but would get two gaps a week.
    only_weekdays = bool((np.asarray(stamps.day_of_week) < 5).all())
    if "D" in candidates and only_weekdays:
        candidates.insert(0, "B")
    return [*candidates, *_list_calendar_frequencies(stamps)]


def _find_most_common_step(stamps: pd.DatetimeIndex) -> str:
    """Return the most common step in its usual notation: D and W-SAT, not 24h and 168h."""
    step = cast(pd.Timedelta, stamps.to_series().diff().mode().iloc[0])
    if step.total_seconds() % DAY_SECONDS:
        return to_offset(step).freqstr
    if step.days == 7:
        return f"W-{cast(pd.Timestamp, stamps[0]).day_name()[:3].upper()}"
    return pd.offsets.Day(int(step.days)).freqstr


def _list_calendar_frequencies(stamps: pd.DatetimeIndex) -> list[str]:
    """Return calendar frequencies to try on a few rows with gaps, where no sample has one."""
    month = cast(pd.Timestamp, stamps[0]).month_name()[:3].upper()
    return [f"YS-{month}", f"YE-{month}", f"QS-{month}", f"QE-{month}", "MS", "ME"]


def _infer_frequency(stamps: pd.DatetimeIndex) -> str | None:
    with warnings.catch_warnings():
        # Pandas returns a string today and an offset from version 4 on; both are handled.
        warnings.filterwarnings("ignore", message="A future version of pandas will return")
        inferred = pd.infer_freq(stamps)
    if inferred is None:
        return None
    base, _, month = parse_frequency(inferred).partition("-")
    # Pandas 2 names quarters after the last one that starts in a year, pandas 3 after the first.
    if base.endswith("QS"):
        month = {"OCT": "JAN", "NOV": "FEB", "DEC": "MAR"}.get(month, month)
    return f"{base}-{month}" if month else base


def _build_grid(stamps: pd.DatetimeIndex, frequency: str) -> pd.DatetimeIndex | None:
    """Return the grid of the timestamps; None if it has far more rows than there are timestamps."""
    first, last = cast(pd.Timestamp, stamps[0]), cast(pd.Timestamp, stamps[-1])
    # Estimated from one step: building the grid to count its rows could fill memory.
    step = ((first + to_offset(frequency)) - first).total_seconds()
    span = (last - first).total_seconds()
    if step <= 0 or span / step > MAX_STEPS_PER_ROW * len(stamps):
        return None
    return pd.date_range(stamps[0], stamps[-1], freq=frequency)


def _find_irregularity(stamps: pd.DatetimeIndex, candidates: Sequence[str]) -> tuple[int, str]:
    """Return the index of a timestamp that does not fit the others, and the problem with it."""
    best_frequency, best = candidates[0], np.ones(len(stamps), dtype=bool)
    # The first row may be the wrong one, so grids through other rows are tried as well.
    for candidate in dict.fromkeys(candidates):
        for anchor in {0, len(stamps) // 2, len(stamps) - 1}:
            is_off = _find_off_grid(stamps, candidate, anchor)
            if is_off is not None and is_off.sum() < best.sum():
                best_frequency, best = candidate, is_off
    rows = np.flatnonzero(best)
    if len(stamps) - len(rows) < MIN_REGULAR_ROWS or len(rows) > max(
        1, MAX_OFF_SHARE * len(stamps)
    ):
        grid = _build_grid(stamps, candidates[0])
        # Without any grid, the longest gap is where a wrong time would be.
        index = (
            int(np.diff(stamps.asi8).argmax()) + 1
            if grid is None
            else int(np.flatnonzero(~stamps.isin(grid))[0])
        )
        return index, _describe_irregularity(stamps, candidates[0], index)
    more = "" if len(rows) == 1 else f" and {pluralize(len(rows) - 1, 'other row')}"
    is_or_are = "is" if len(rows) == 1 else "are"
    return int(rows[0]), (
        f"{format_timestamp(stamps[rows[0]])}{more} {is_or_are} off the steps of the "
        f"{pluralize(len(stamps) - len(rows), 'other row')} ({best_frequency}). Correct the time, "
        f"leave the row out, or pass --resample {best_frequency} --aggregate mean (or sum)."
    )


def _find_off_grid(stamps: pd.DatetimeIndex, frequency: str, anchor: int) -> np.ndarray | None:
    """Return which timestamps are off the grid through one of them; None if it is too fine."""
    if _build_grid(stamps, frequency) is None:
        return None
    middle, offset = cast(pd.Timestamp, stamps[anchor]), to_offset(frequency)
    step = (middle + offset) - middle
    steps_before = int((middle - cast(pd.Timestamp, stamps[0])) / step) + 2
    # Steps of months differ in length, so a few more are built.
    before = pd.date_range(end=middle, periods=steps_before + steps_before // 20, freq=offset)
    after = pd.date_range(middle, stamps[-1], freq=offset)
    return ~np.asarray(stamps.isin(before.append(after)))


def _describe_irregularity(stamps: pd.DatetimeIndex, frequency: str, index: int) -> str:
    position = f" comes after {stamps[index - 1]}" if index else " is the first"
    steps = np.diff(np.asarray(stamps.tz_localize(None), dtype="datetime64[s]"))
    hint = ""
    # Days in a zone with clock changes are 23 or 25 hours apart in UTC.
    if stamps.tz is not None and np.median(steps.astype(float)) > 0.8 * DAY_SECONDS:
        hint = " If clock changes move them, write days without hour and offset."
    return (
        f"the rows do not follow one frequency: {stamps[index]}{position}, which is not a step of "
        f"{frequency!r}.{hint} Pass {suggest_resample(stamps)}; or --frequency, if it is known."
    )
