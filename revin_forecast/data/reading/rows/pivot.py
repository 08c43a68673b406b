"""Arrangement of a table's rows, wide or long, as (time, channels) values in time order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from revin_forecast.data.formatting import format_columns
from revin_forecast.data.reading.columns.assign_channels import assign_channels, note_doubtful_names
from revin_forecast.data.reading.columns.long_columns import suggest_long_columns
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.rows.repeats import build_repeat_error, check_repeats_of_series
from revin_forecast.data.reading.rows.row_order import note_disorder, note_series_disorder
from revin_forecast.data.reading.times.timestamps import parse_timestamps
from revin_forecast.data.reading.values.numbers import note_infinities, parse_numbers
from revin_forecast.data.table_format import TableFormat
from revin_forecast.errors import InputError

MAX_LONG_VALUES = 2**27
"""Pivoted size (1 GiB) that is allowed for every long table."""
MAX_VALUES_PER_ROW = 50
"""A larger pivoted table may have this many values per row; with more, most are unobserved."""


@dataclass(frozen=True, eq=False)
class TimeRows:
    """Values at distinct times in time order, and the rows of the table that they come from."""

    values: np.ndarray
    """(time, channels) float64, NaN where unobserved."""
    timestamps: pd.DatetimeIndex
    names: tuple[str, ...]
    step: np.ndarray
    """(rows of the table,) index of each row's time; -1: the row is not read."""
    channel: np.ndarray | None = None
    """(rows of the table,) index of each row's channel; None: a row holds all channels."""
    ends: tuple[np.ndarray, np.ndarray] | None = None
    """(channels,) the first and the last time index of each channel; None: those of its rows."""

    def find_table_row(self, step: int, channel: int) -> int | None:
        """Return the table's row of a value; None if it has no row."""
        matches = self.step == step
        if self.channel is not None:
            matches &= self.channel == channel
        rows = np.flatnonzero(matches)
        return int(rows[0]) if len(rows) else None

    def compute_channel_ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (channels,) the first and the last time index of each channel."""
        if self.ends is not None:
            return self.ends
        count = len(self.names)
        if self.channel is None:
            return np.zeros(count, dtype=int), np.full(count, len(self.timestamps) - 1)
        is_read = self.step >= 0
        first, last = np.full(count, len(self.timestamps)), np.full(count, -1)
        np.minimum.at(first, self.channel[is_read], self.step[is_read])
        np.maximum.at(last, self.channel[is_read], self.step[is_read])
        return first, last


@dataclass(frozen=True, eq=False)
class ParsedRows:
    """The rows of a table in its order."""

    values: np.ndarray
    """(rows, channels) float64 of a wide table, (rows, 1) of a long one; NaN where unobserved."""
    stamps: pd.DatetimeIndex
    names: tuple[str, ...]
    """Names of the channels."""
    channel: np.ndarray | None = None
    """(rows,) channel of each row of a long table, -1: not requested; None: the table is wide."""


def parse_rows(table: RawTable, format: TableFormat, names: Sequence[str] | None) -> ParsedRows:
    """Parse the cells of a wide or long table.

    Args:
        table: the table as it was read.
        format: its format, from the inspection.
        names: columns or series to read; None, for a long table: all, in order of appearance.

    Raises:
        InputError: a cell is not a number or a time, or a series is absent.
    """
    if not format.is_long:
        columns = list(names or ())
        values, stamps = (
            parse_numbers(table, columns, format.decimal),
            parse_timestamps(table, format),
        )
        note_infinities(table, columns, values)
        return ParsedRows(values, stamps, tuple(columns))
    channel, series = assign_channels(table, format.id_columns, names)
    stamps = parse_timestamps(table, format)
    # All rows are parsed, so that the decimal mark does not depend on the requested series.
    values = parse_numbers(table, [str(format.value)], format.decimal)
    note_infinities(table, [str(format.value)], values)
    return ParsedRows(values, stamps, tuple(series), channel)


def read_wide_rows(
    table: RawTable,
    format: TableFormat,
    names: Sequence[str],
    distinct: bool,
) -> TimeRows:
    """Parse the rows of a wide table, whose columns are the channels.

    Args:
        table: the table as it was read.
        format: its format, from the inspection.
        names: columns to read.
        distinct: sort the rows by time and reject repeated times; False: keep them as they are.

    Raises:
        InputError: a cell is not a number or a time, or a time is repeated.
    """
    parsed = parse_rows(table, format, names)
    values, stamps = parsed.values, parsed.stamps
    if not distinct:
        return TimeRows(values, stamps, tuple(names), np.arange(len(stamps)))
    repeated = stamps.duplicated()
    if repeated.any():
        row = int(np.flatnonzero(repeated)[0])
        raise build_repeat_error(table, stamps, values, row, _suggest_columns(table, format))
    note_disorder(table, stamps)
    # The inverse permutation leads from a row of the table to its step, for messages.
    order = np.argsort(stamps.asi8, kind="stable")
    step = np.empty_like(order)
    step[order] = np.arange(len(order))
    return TimeRows(values[order], stamps[order], tuple(names), step)


def read_long_rows(table: RawTable, format: TableFormat, names: Sequence[str] | None) -> TimeRows:
    """Pivot a long table to one channel per series; pairs of series and time without a row are NaN.

    Args:
        table: the table as it was read.
        format: its format, from the inspection.
        names: series to read; None: all, in order of appearance.

    Raises:
        InputError: a cell can't be parsed, a series is absent or has a time twice, or nearly all
            values would be unobserved.
    """
    parsed = parse_rows(table, format, names)
    stamps, channel, series = parsed.stamps, parsed.channel, parsed.names
    assert channel is not None  # the table is long
    numbers = parsed.values[:, 0]
    rows = np.flatnonzero(channel >= 0)
    # Only times of requested series, so that others can't extend the table.
    codes, times = pd.factorize(stamps[rows], sort=True)
    step = np.full(len(stamps), -1)
    step[rows] = codes
    check_pivot_size(table, len(times), len(series), len(rows))
    cells = codes * len(series) + channel[rows]
    check_repeats_of_series(table, stamps, series, cells, rows, numbers)
    note_doubtful_names(table, channel, series)
    note_series_disorder(table, stamps, codes, channel[rows], rows)
    values = np.full(len(times) * len(series), np.nan)
    values[cells] = numbers[rows]
    values = values.reshape(len(times), len(series))
    return TimeRows(values, pd.DatetimeIndex(times), series, step, channel)


def check_pivot_size(table: RawTable, times: int, series: int, rows: int) -> None:
    """Reject series with few common times, which would fill memory with NaN.

    Raises:
        InputError: nearly all values would be unobserved.
    """
    if times * series > max(MAX_LONG_VALUES, MAX_VALUES_PER_ROW * rows):
        raise InputError(
            f"{table.name}: {rows} rows of {series} series have {times} different times, so nearly "
            "all values would be unobserved. Round the times to common steps, or forecast fewer "
            "series at a time (--target)."
        )


def _suggest_columns(table: RawTable, format: TableFormat) -> str:
    """Return advice for a table that may be long."""
    found = suggest_long_columns(table, format.time_columns)
    if found is None:
        return ""
    return f"; if {format_columns(found.id)} names series, pass {found.flags}"
