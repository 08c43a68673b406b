"""Rows that follow those a model was fitted on, in the order of its series."""

from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import numpy as np
import pandas as pd

from revin_forecast.data.formatting import format_names, format_timestamp
from revin_forecast.data.reading.read_series import TableLike, read_series
from revin_forecast.data.reading.rows.new_rows import read_new_rows
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel


@dataclass(frozen=True, eq=False)
class FollowingRows:
    """Rows after the last one of a model, one block for all series."""

    values: np.ndarray
    """(time, channels) NaN where unobserved; the last row of each series is the last row here."""
    counts: np.ndarray
    """(channels,) number of rows of each series, counted from the last."""
    timestamps: pd.DatetimeIndex
    """(time,) time of each row, of the series that end last."""
    ends: pd.DatetimeIndex | None
    """(channels,) last timestamp of each series; None: all end together."""
    notes: tuple[str, ...]
    """Sentences on everything that reading changed or left out."""

    @property
    def are_together(self) -> bool:
        """Whether all series have the same number of rows."""
        return bool((self.counts == self.counts[0]).all())


def read_following_rows(fitted: FittedModel, table: TableLike) -> FollowingRows:
    """Read the rows that follow those a model was fitted on.

    Steps between the last row and the first new one count as unobserved, as in a fit on all rows,
    if they are fewer than the look-back.

    Args:
        fitted: the model.
        table: rows with the same columns, step and time zone.

    Raises:
        InputError: the table can't be read, lacks a series, has no value, or does not follow.
    """
    history = fitted.history
    read = partial(read_series, table, like=history.format, seen=fitted.seen_values)
    newer = read_new_rows(lambda frequency: read(frequency=frequency), history)
    given = set(newer.names)  # a set, as there may be ten thousand
    absent = [name for name in history.names if name not in given]
    if absent:
        remedy = "Pass a table with the same columns."
        if history.format is not None and history.format.is_long:
            remedy = "Pass rows of each; a series that has ended needs one, with an empty value."
        raise InputError(
            f"the new table lacks {format_names(absent)}; the forecaster was fitted on "
            f"{format_names(history.names)}. {remedy}"
        )
    newer = _end_together(_convert_zone(newer.select(history.names), history))
    if not np.isfinite(newer.values).any():
        raise InputError("no value of the new table is observed. Pass rows with values.")
    if history.last_timestamps is None and newer.last_timestamps is None:
        _check_follows(newer, history, fitted.config.lookback)
        newer, note = _fill_steps_between(newer, history)
        counts = np.full(len(newer.names), len(newer))
        notes = (*newer.notes, *note)
        return FollowingRows(newer.values, counts, newer.timestamps, None, notes)
    return _align_following_rows(newer, history)


def _convert_zone(newer: Series, history: Series) -> Series:
    """Return the rows in the time zone of the model.

    Raises:
        InputError: only one of the two has a time zone.
    """
    zone, own = history.timestamps.tz, newer.timestamps.tz
    if (zone is None) != (own is None):
        raise InputError(
            f"the times of the new table have the time zone {own}, those that the forecaster was "
            f"fitted on {zone}. Write them alike."
        )
    if zone is None:
        return newer
    ends = newer.last_timestamps
    return replace(
        newer,
        timestamps=newer.timestamps.tz_convert(zone),
        last_timestamps=None if ends is None else ends.tz_convert(zone),
    )


def _end_together(newer: Series) -> Series:
    """Return the rows without the ends of the series if these are the same."""
    ends = newer.last_timestamps
    if ends is None or not bool((ends == ends[0]).all()):
        return newer
    stop = int(np.count_nonzero(newer.timestamps <= ends[0]))
    return replace(newer.slice_rows(0, stop), last_timestamps=None)


def _check_follows(newer: Series, history: Series, lookback: int) -> None:
    """Refuse rows that the model has seen, and those that begin long after its last row."""
    last = cast(pd.Timestamp, history.timestamps[-1])
    first = cast(pd.Timestamp, newer.timestamps[0])
    if first <= last:
        count = int(np.count_nonzero(newer.timestamps <= last))
        raise InputError(
            f"{format_timestamp(first)} is not after {format_timestamp(last)}, the last row that "
            f"the forecaster holds: {count} of {len(newer)} rows of the new table overlap. Pass "
            "only the rows after it, or fit again on a whole table."
        )
    if history.frequency is None:
        return
    if first not in pd.date_range(last, first, freq=history.frequency):
        raise InputError(
            f"{format_timestamp(first)} is not a whole number of steps ({history.frequency}) after "
            f"{format_timestamp(last)}, the last row that the forecaster holds. Pass rows on the "
            "same grid."
        )
    latest = cast(pd.Timestamp, history.future_timestamps(lookback + 1)[-1])
    if first > latest:
        raise InputError(
            f"the new table begins on {format_timestamp(first)}, more than the look-back of "
            f"{lookback} steps after {format_timestamp(last)}, the last row that the forecaster "
            "holds. Pass the rows between as well, or fit again."
        )


def _fill_steps_between(newer: Series, history: Series) -> tuple[Series, tuple[str, ...]]:
    """Return the rows with unobserved ones in front, up to the last row of the model."""
    if history.frequency is None:
        return newer, ()
    last, first = history.timestamps[-1], newer.timestamps[0]
    grid = pd.date_range(last, first, freq=history.frequency)
    steps = grid[(grid > last) & (grid < first)]
    if not len(steps):
        return newer, ()
    empty = np.full((len(steps), len(newer.names)), np.nan)
    note = (
        f"{len(steps)} steps between {format_timestamp(last)} and {format_timestamp(first)} have "
        "no row and count as unobserved"
    )
    filled = replace(
        newer,
        values=np.concatenate([empty, newer.values]),
        timestamps=steps.append(newer.timestamps),
    )
    return filled, (note,)


def _align_following_rows(newer: Series, history: Series) -> FollowingRows:
    """Return the rows of series that end at different times, each after its own last row."""
    channels = len(history.names)
    old_ends = history.last_timestamps
    if old_ends is None:
        old_ends = history.timestamps[-1:].repeat(channels)
    observed = np.isfinite(newer.values)
    new_ends = newer.last_timestamps
    if new_ends is None:
        new_ends = newer.timestamps[-1:].repeat(channels)
    start = min(old_ends.min(), newer.timestamps[0])
    grid = pd.date_range(start, newer.timestamps[-1], freq=history.frequency)
    positions = grid.get_indexer(newer.timestamps)
    wide = np.full((len(grid), channels), np.nan)
    wide[positions] = newer.values
    begins, stops = grid.get_indexer(old_ends) + 1, grid.get_indexer(new_ends) + 1
    if not (begins.all() and stops.all() and (positions >= 0).all()):
        raise InputError(
            f"the rows of the new table are not a whole number of steps ({history.frequency}) "
            "after those that the forecaster holds. Pass rows on the same grid."
        )
    # A series without a new value ends where it ended before.
    stops = np.where(observed.any(axis=0), stops, begins)
    is_seen = np.isfinite(wide) & (np.arange(len(grid))[:, None] < begins)
    if is_seen.any():
        channel = int(np.flatnonzero(is_seen.any(axis=0))[0])
        first = grid[int(np.flatnonzero(is_seen[:, channel])[0])]
        raise InputError(
            f"{format_timestamp(first)} of series {history.names[channel]!r} is not after "
            f"{format_timestamp(old_ends[channel])}, its last row that the forecaster holds. Pass "
            "only the rows after it, or fit again on a whole table."
        )
    counts = np.maximum(stops - begins, 0)
    longest = int(counts.max())
    values = np.full((longest, channels), np.nan)
    for channel, (begin, count) in enumerate(zip(begins, counts, strict=True)):
        values[longest - count :, channel] = wide[begin : begin + count, channel]
    ends = grid[begins + counts - 1]
    stamps = grid[: int((begins + counts).max())]
    return FollowingRows(values, counts, stamps[len(stamps) - longest :], ends, newer.notes)
