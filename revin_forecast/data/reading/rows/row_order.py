"""The order of rows in a table: notes on tables that are not in time order."""

import numpy as np
import pandas as pd

from revin_forecast.data.formatting import format_timestamp
from revin_forecast.data.reading.raw_table import RawTable


def note_disorder(table: RawTable, stamps: pd.DatetimeIndex) -> None:
    """Note that the rows of a wide table are not in time order, since they will be sorted."""
    if stamps.is_monotonic_increasing:
        return
    if stamps.is_monotonic_decreasing:
        table.add_note(f"{table.name}: the rows are from new to old; they were sorted by time")
        return
    row = int((np.diff(stamps.asi8) < 0).argmax()) + 1
    _add_note(table, stamps, row, row - 1, "")


def note_series_disorder(
    table: RawTable,
    stamps: pd.DatetimeIndex,
    codes: np.ndarray,
    channel: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Note that the rows of some series of a long table are not in time order.

    Args:
        table: the table as it was read.
        stamps: times of all its rows.
        codes: (rows,) number of each row's time, in time order.
        channel: (rows,) channel of each row.
        rows: (rows,) rows of the table that are read.
    """
    # Most tables are sorted by time, or by series and then by time.
    if (codes[1:] >= codes[:-1]).all():
        return
    if (channel[1:] < channel[:-1]).any():
        order = np.argsort(channel, kind="stable")
        codes, channel, rows = codes[order], channel[order], rows[order]
    is_same = channel[1:] == channel[:-1]
    is_late = (codes[1:] < codes[:-1]) & is_same
    if not is_late.any():
        return
    if not ((codes[1:] > codes[:-1]) & is_same).any():
        table.add_note(
            f"{table.name}: the rows of each series are from new to old; they were sorted by time"
        )
        return
    first = int(is_late.argmax())
    before, row = rows[first : first + 2]
    _add_note(table, stamps, int(row), int(before), " of its series")


def _add_note(table: RawTable, stamps: pd.DatetimeIndex, row: int, before: int, whose: str) -> None:
    table.add_note(
        f"{table.describe_position(row)}: {format_timestamp(stamps[row])} is below "
        f"{format_timestamp(stamps[before])}; the rows{whose} were sorted by time"
    )


def describe_misplaced(
    table: RawTable,
    stamps: pd.DatetimeIndex,
    pair: tuple[int, int],
    rows: np.ndarray | None = None,
) -> str:
    """Return a sentence on the one of two rows with the same time that is out of order.

    It is empty if both or none are out of order.

    Args:
        table: the table as it was read.
        stamps: times of all its rows.
        pair: the two rows.
        rows: ascending rows of the series; None: all.
    """
    rows = np.arange(len(stamps)) if rows is None else rows
    times = stamps[rows].asi8
    # Tables may be from new to old.
    times = times if np.median(np.sign(np.diff(times))) >= 0 else -times
    places = np.searchsorted(rows, pair)
    misplaced = [
        place
        for place in places
        if not (times[max(place - 1, 0)] <= times[place] <= times[min(place + 1, len(times) - 1)])
    ]
    if len(misplaced) != 1 or not 0 < misplaced[0] < len(rows) - 1:
        return ""
    place = misplaced[0]
    before, after = (format_timestamp(stamps[rows[place + side]]) for side in (-1, 1))
    position = table.describe_position(int(rows[place])).rpartition(", ")[2]
    return f" It may be mistyped in {position}, which is between {before} and {after}."
