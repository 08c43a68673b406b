from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from revin_forecast.data.frequency import full_grid, parse_frequency
from revin_forecast.data.parsing import find_time_column, parse_numbers, parse_times
from revin_forecast.data.series import Layout, Series
from revin_forecast.data.table import RawTable, read_table
from revin_forecast.errors import InputError

Table = Series | pd.DataFrame | str | Path
"""What can be read: a series, a data frame, or the path of a CSV or Parquet file."""

LONG = Layout(id="unique_id", time="ds", value="y")
"""The names that mark a long table by themselves."""


def read_series(
    source: Table,
    *,
    time: str | None = None,
    id: str | None = None,
    value: str | None = None,
    columns: Sequence[str] | None = None,
    frequency: str | None = None,
    grid: bool = True,
) -> Series:
    """Read a table of one or more series.

    Wide: a time column, then one column a series. Long: a row for each series and time, with
    columns `unique_id`, `ds` and `y` or those named. Values are the nearest float64 of what is
    written; empty cells, NaN and infinities are unobserved. Rows are put in time order.

    Args:
        source: a path (.csv, .tsv, .txt with comma, semicolon or tab, also .gz; .parquet), a data
            frame (times in a column or in its index), or a Series, which is only narrowed to
            `columns`.
        time: the time column; None: one of a well-known name, else the first that parses.
        id: the series column of a long table.
        value: the value column of a long table.
        columns: the series wanted, in this order; None: all.
        frequency: the step between rows, as pandas writes it; None: found.
        grid: put the rows on a full regular grid, absent ones unobserved. False takes the rows as
            they are, repeated stamps and all, and leaves the frequency as given.

    Raises:
        InputError: the table can't be used; the message says where, what was wanted, what to do.
    """
    if isinstance(source, Series):
        return source if columns is None else source.select(columns)
    table = read_table(source)
    long = _long_layout(table, time, id, value)
    if long is not None:
        series = _read_long(table, long)
    else:
        series = _read_wide(table, find_time_column(table, time), columns)
    if columns is not None:
        series = series.select(columns)
    if not grid:
        step = None if frequency is None else parse_frequency(frequency)
        return Series(series.values, series.timestamps, series.names, step, series.layout)
    return _regular(table, series, frequency, repeats_named=long is not None)


def _long_layout(
    table: RawTable, time: str | None, id: str | None, value: str | None
) -> Layout | None:
    names = table.names
    marked = {LONG.id, LONG.value} <= set(names)
    if id is None and value is None and not marked:
        return None
    chosen_id, chosen_value = id or LONG.id, value or LONG.value
    for option, name in (("--id", chosen_id), ("--value", chosen_value)):
        if name not in names:
            raise InputError(
                f"{table.name} has no column {name!r} but {names}. A long table needs a series, a "
                f"time and a value column; name it with {option}."
            )
    at = time or (LONG.time if LONG.time in names else None)
    return Layout(time=find_time_column(table, at), id=chosen_id, value=chosen_value)


def _read_wide(table: RawTable, time: str, columns: Sequence[str] | None) -> Series:
    present = [name for name in table.names if name != time]
    names = present if columns is None else list(columns)
    absent = [name for name in names if name not in present]
    if absent:
        raise InputError(f"{table.name} has no column {absent} among {present}.")
    if not names:
        raise InputError(
            f"{table.name} has no column beside the time column {time!r}; a series needs one. "
            "If the columns are separated by something else, save the file with commas."
        )
    values = np.column_stack([parse_numbers(table, name) for name in names])
    return Series(values, parse_times(table, time), tuple(names), layout=Layout(time=time))


def _read_long(table: RawTable, layout: Layout) -> Series:
    """Pivot to one channel a series; pairs of series and time that have no row are unobserved."""
    ids = table.text(str(layout.id))
    empty = np.flatnonzero(ids.isna() | (ids == ""))
    if len(empty):
        row = int(empty[0])
        raise InputError(f"{table.place(row)}: column {layout.id!r} is empty; name the series.")
    channel, names = pd.factorize(ids)
    stamps = parse_times(table, layout.time)
    step, times = pd.factorize(stamps, sort=True)
    cells = step * len(names) + channel
    repeated = pd.Series(cells).duplicated()
    if repeated.any():
        row = int(np.flatnonzero(repeated)[0])
        raise InputError(
            f"{table.place(row)}: {stamps[row]} of series {str(ids.iloc[row])!r} stands there a "
            "second time. Keep one row for each series and time."
        )
    values = np.full((len(times), len(names)), np.nan)
    values[step, channel] = parse_numbers(table, str(layout.value))
    return Series(values, pd.DatetimeIndex(times), tuple(map(str, names)), layout=layout)


def _regular(table: RawTable, series: Series, frequency: str | None, repeats_named: bool) -> Series:
    stamps = series.timestamps
    repeated = stamps.duplicated()
    if repeated.any() and not repeats_named:
        row = int(np.flatnonzero(repeated)[0])
        first = int(np.flatnonzero(stamps == stamps[row])[0])
        raise InputError(
            f"{table.place(row)}: {stamps[row]} stands there a second time (duplicate time "
            f"stamp); the first is {table.place(first)}. Keep one row for each time; if the "
            "table holds several series one below the other, name them with --id and --value."
        )
    order = np.argsort(stamps.asi8, kind="stable")
    stamps, values = stamps[order], series.values[order]
    grid, found = full_grid(stamps, frequency)
    if len(grid) > len(stamps):
        filled = np.full((len(grid), values.shape[1]), np.nan)
        filled[grid.get_indexer(stamps)] = values
        values = filled
    return Series(values, grid, series.names, found, series.layout)
