"""Rows of a table in time order: one channel a column, or one channel a series."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from revin_forecast.data.reading.numbers import DecimalMark, parse_numbers
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.timestamps import parse_timestamps
from revin_forecast.data.series import TableLayout, format_names
from revin_forecast.errors import InputError

MAX_LONG_VALUES = 2**27
"""Values (1 GiB) that a long table may always come to."""
MAX_VALUES_PER_ROW = 50
"""A larger one may have this many values a row: most would be unobserved."""


@dataclass(frozen=True, eq=False)
class TimeRows:
    """Values at distinct times in order, and the rows of the table they are from."""

    values: np.ndarray
    """(time, channels) float64, NaN where unobserved."""
    timestamps: pd.DatetimeIndex
    names: tuple[str, ...]
    step: np.ndarray
    """(rows of the table,) the time each belongs to; -1: none that is read."""
    channel: np.ndarray | None = None
    """(rows of the table,) the channel each belongs to; None: a row holds them all."""

    def table_row(self, step: int, channel: int) -> int | None:
        """Return the table's row of a value; None where there is none."""
        at = self.step == step
        if self.channel is not None:
            at &= self.channel == channel
        found = np.flatnonzero(at)
        return int(found[0]) if len(found) else None

    def first_and_last_steps(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (channels,) the first and the last time that each channel has a row for."""
        count = len(self.names)
        if self.channel is None:
            return np.zeros(count, dtype=int), np.full(count, len(self.timestamps) - 1)
        kept = self.step >= 0
        first, last = np.full(count, len(self.timestamps)), np.full(count, -1)
        np.minimum.at(first, self.channel[kept], self.step[kept])
        np.maximum.at(last, self.channel[kept], self.step[kept])
        return first, last


def rows_from_wide(
    table: RawTable,
    layout: TableLayout,
    names: Sequence[str],
    decimal: DecimalMark | None,
    distinct: bool,
) -> TimeRows:
    """Take columns for channels.

    Args:
        table: as it was read.
        layout: names the time column.
        names: of the columns.
        decimal: the mark before the decimals; None: told by the numbers.
        distinct: put the rows in time order and refuse repeated times; False: leave them.

    Raises:
        InputError: a cell is no number or no time, or a time is repeated.
    """
    values, stamps = parse_numbers(table, names, decimal), parse_timestamps(table, layout.time)
    if not distinct:
        return TimeRows(values, stamps, tuple(names), np.arange(len(stamps)))
    repeated = stamps.duplicated()
    if repeated.any():
        row = int(np.flatnonzero(repeated)[0])
        first = int(np.flatnonzero(stamps == stamps[row])[0])
        same = np.array_equal(values[row], values[first], equal_nan=True)
        raise InputError(
            f"{table.describe_position(row)}: {stamps[row]} stands there a second time (duplicate time "
            f"stamp); the first is {table.describe_position(first)} and has {_describe_repeat(same)}. Keep one row "
            f"for each time{_clock_change_hint(stamps, row)}; if the table holds several series one below "
            "the other, name them with --id and --value."
        )
    order = np.argsort(stamps.asi8, kind="stable")
    step = np.empty_like(order)
    step[order] = np.arange(len(order))
    return TimeRows(values[order], stamps[order], tuple(names), step)


def rows_from_long(
    table: RawTable, layout: TableLayout, names: Sequence[str] | None, decimal: DecimalMark | None
) -> TimeRows:
    """Pivot to one channel a series; pairs of series and time that have no row are unobserved.

    Args:
        table: as it was read.
        layout: names the columns.
        names: the series wanted; None: all, as they come.
        decimal: the mark before the decimals; None: told by the numbers.

    Raises:
        InputError: a cell can't be used, a series is absent, or has a time twice.
    """
    channel, names = channel_of_rows(table, str(layout.id), names)
    stamps = parse_timestamps(table, layout.time)
    numbers = parse_numbers(table, [str(layout.value)], decimal)[:, 0]
    kept = np.flatnonzero(channel >= 0)
    codes, times = pd.factorize(stamps[kept], sort=True)
    step = np.full(len(stamps), -1)
    step[kept] = codes
    size = len(times) * len(names)
    if size > max(MAX_LONG_VALUES, MAX_VALUES_PER_ROW * len(kept)):
        raise InputError(
            f"{table.name}: {len(kept)} rows of {len(names)} series have {len(times)} different "
            "times, so nearly all values would be unobserved. Round the times to common steps, or "
            "forecast fewer series at a time (--target)."
        )
    cells = codes * len(names) + channel[kept]
    _check_repeats(table, stamps, names, cells, kept, numbers)
    values = np.full(size, np.nan)
    values[cells] = numbers[kept]
    values = values.reshape(len(times), len(names))
    return TimeRows(values, pd.DatetimeIndex(times), tuple(names), step, channel)


def channel_of_rows(
    table: RawTable, id: str, requested: Sequence[str] | None
) -> tuple[np.ndarray, list[str]]:
    """Return each row's channel, -1 for series that are not wanted, and the channels' names."""
    ids = table.text_column(id)
    empty = np.flatnonzero(ids.isna() | (ids == ""))
    if len(empty):
        raise InputError(
            f"{table.describe_position(int(empty[0]))}: column {id!r} is empty; name the series."
        )
    codes, found = pd.factorize(ids)
    names = [str(name) for name in found]
    place: dict[str, int] = {}
    merged = np.array([place.setdefault(name, len(place)) for name in names])  # 1 and "1" are one
    names = list(place)
    if requested is None:
        return merged[codes], names
    absent = [name for name in requested if name not in place]
    if absent:
        hint = " It is a column; name the values with --value." if absent[0] in table.names else ""
        raise InputError(
            f"{table.name} has no series {format_names(absent)} in column {id!r} among {format_names(names)}."
            f"{hint or ' Check the name.'}"
        )
    number = np.full(len(names), -1)
    number[[place[name] for name in requested]] = np.arange(len(requested))
    return number[merged[codes]], list(requested)


def _check_repeats(
    table: RawTable,
    stamps: pd.DatetimeIndex,
    names: Sequence[str],
    cells: np.ndarray,
    kept: np.ndarray,
    numbers: np.ndarray,
) -> None:
    if np.bincount(cells).max(initial=0) < 2:
        return
    repeated = np.flatnonzero(pd.Series(cells).duplicated())[0]
    row = int(kept[repeated])
    first = int(kept[np.flatnonzero(cells == cells[repeated])[0]])
    same = np.array_equal(numbers[row], numbers[first], equal_nan=True)
    series = names[int(cells[repeated]) % len(names)]
    raise InputError(
        f"{table.describe_position(row)}: {stamps[row]} of series {series!r} stands there a second time; "
        f"the first is {table.describe_position(first)} and has {_describe_repeat(same)}. Keep one row for each "
        f"series and time{_clock_change_hint(stamps, row)}."
    )


def _describe_repeat(same: bool) -> str:
    return "the same values" if same else "other values"


def _clock_change_hint(stamps: pd.DatetimeIndex, row: int) -> str:
    """Say what to do about an hour that a clock shows twice when it is put back."""
    stamp = cast(pd.Timestamp, stamps[row])
    turn = stamp.day_of_week == 6 and stamp.month in (3, 4, 9, 10, 11) and stamp.hour < 4
    if not turn or stamps.tz is not None:
        return ""
    return (
        "; if clocks were put back then, write times in UTC or with their offset "
        f"({stamp.isoformat()}+02:00)"
    )
