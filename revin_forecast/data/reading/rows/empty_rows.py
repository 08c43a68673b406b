"""Rows with a time but no value at either end of a table, as templates have them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from revin_forecast.data.formatting import format_timestamp
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.rows.pivot import TimeRows


def drop_empty_ends(table: RawTable, rows: TimeRows, inputs: Sequence[str] = ()) -> TimeRows:
    """Return rows from the first to the last value; of a long table, from those of each series.

    Args:
        table: the table as it was read.
        rows: its rows, in time order.
        inputs: channels whose values do not count, unless all are.
    """
    if rows.channel is not None:
        return _drop_empty_ends_of_series(table, rows)
    is_target = np.array([name not in inputs for name in rows.names])
    is_target = is_target if is_target.any() else ~is_target
    # In nearly all tables, the first and the last row have a value.
    if np.isfinite(rows.values[[0, -1]][:, is_target]).any(axis=1).all():
        return rows
    has_value = np.asarray(np.isfinite(rows.values[:, is_target]).any(axis=1))
    kept = note_empty_ends(table, has_value, rows.timestamps, np.argsort(rows.step))
    return _slice_steps(rows, kept)


def _drop_empty_ends_of_series(table: RawTable, rows: TimeRows) -> TimeRows:
    assert rows.channel is not None  # the table is long
    is_read = rows.step >= 0
    observed = np.isfinite(rows.values)
    # The pivoted table has a value for each row, if no cell is empty.
    if observed.sum() == is_read.sum():
        return rows
    first, last = rows.compute_channel_ends()
    has_values = observed.any(axis=0)
    first_value = np.where(has_values, observed.argmax(axis=0), first)
    last_value = np.where(has_values, len(observed) - 1 - observed[::-1].argmax(axis=0), last)
    numbers = np.flatnonzero(is_read)
    step, channel = rows.step[numbers], rows.channel[numbers]
    for end, is_empty, effect in (
        ("start", step < first_value[channel], "each series begins with its first value"),
        ("end", step > last_value[channel], "the forecast of each begins after its last value"),
    ):
        if is_empty.any():
            count = len(np.unique(channel[is_empty]))
            table.add_note(
                f"{describe_rows(table, numbers[is_empty])} at the {end} of {count:,} series "
                f"{_has_no_values(int(is_empty.sum()))}; {effect}"
            )
    rows = replace(rows, ends=(first_value, last_value))
    return _slice_steps(rows, slice(int(first_value.min()), int(last_value.max()) + 1))


def _slice_steps(rows: TimeRows, kept: slice) -> TimeRows:
    """Return some of the times, and -1 as the step of the other rows."""
    if kept == slice(0, len(rows.timestamps)):
        return rows
    is_kept = (rows.step >= kept.start) & (rows.step < kept.stop)
    ends = rows.ends
    return replace(
        rows,
        values=rows.values[kept],
        timestamps=rows.timestamps[kept],
        step=np.where(is_kept, rows.step - kept.start, -1),
        ends=None if ends is None else (ends[0] - kept.start, ends[1] - kept.start),
    )


def note_empty_ends(
    table: RawTable,
    has_value: np.ndarray,
    stamps: pd.DatetimeIndex,
    rows: np.ndarray,
    effect: str = "the forecast begins after",
) -> slice:
    """Return the part from the first to the last row with a value, and note the others.

    Args:
        table: the table as it was read.
        has_value: (rows,) in time order.
        stamps: (rows,) times.
        rows: (rows,) rows of the table.
        effect: text before the time of the last value.
    """
    # A table without any value is rejected later, with a better message.
    if (has_value[0] and has_value[-1]) or not has_value.any():
        return slice(0, len(has_value))
    start, stop = int(has_value.argmax()), len(has_value) - int(has_value[::-1].argmax())
    if start:
        table.add_note(
            f"{describe_rows(table, rows[:start])} {_has_no_values(start)}; the table begins with "
            f"{format_timestamp(stamps[start])}"
        )
    if stop < len(has_value):
        table.add_note(
            f"{describe_rows(table, rows[stop:])} {_has_no_values(len(has_value) - stop)}; "
            f"{effect} {format_timestamp(stamps[stop - 1])}"
        )
    return slice(start, stop)


def describe_rows(table: RawTable, rows: np.ndarray) -> str:
    """Return the table and the lines or row numbers of some rows."""
    first, last = int(rows.min()), int(rows.max())
    position = table.describe_position(first)
    if len(rows) == 1:
        return position
    name, comma, line = position.rpartition(", ")
    word, _, number = line.partition(" ")
    if last - first + 1 > len(rows):
        return f"{name}{comma}{word} {number} and {len(rows) - 1:,} more"
    end = table.describe_position(last).rpartition(" ")[2]
    return f"{name}{comma}{word}s {number} to {end}"


def _has_no_values(count: int) -> str:
    return f"{'has a date' if count == 1 else 'have dates'} but no values"
