import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from revin_forecast.data.reading.frequency import parse_frequency, regular_grid
from revin_forecast.data.reading.gaps import MissingPolicy, first_gap, interpolate
from revin_forecast.data.reading.numbers import DecimalMark
from revin_forecast.data.reading.pivot import TimeRows, rows_from_long, rows_from_wide
from revin_forecast.data.reading.raw_table import ArrowTable, RawTable, read_table
from revin_forecast.data.reading.timestamps import TIME_NAMES, find_time_column, is_timestamp
from revin_forecast.data.series import Series, TableLayout, format_names
from revin_forecast.errors import InputError

TableLike = Series | pd.DataFrame | str | Path | ArrowTable
"""What can be read: a series, a data frame, or the path of a CSV or Parquet file."""

LONG_FORMAT = TableLayout(id="unique_id", time="ds", value="y")
"""The names that mark a long table by themselves."""


def read_series(
    source: TableLike,
    *,
    time: str | None = None,
    id: str | None = None,
    value: str | None = None,
    columns: Sequence[str] | None = None,
    frequency: str | None = None,
    grid: bool = True,
    target: Sequence[str] | None = None,
    inputs: Sequence[str] | None = None,
    missing: MissingPolicy = "observed",
    decimal: DecimalMark | None = None,
) -> Series:
    """Read a table of one or more series.

    Wide: a time column, then one column a series. Long: a row for each series and time, with
    columns `unique_id`, `ds` and `y` or those named. Values are the nearest float64 of what is
    written (whole numbers beyond 2**53 are rounded); empty cells, NaN and infinities are
    unobserved, True and False are 1 and 0. Rows are put in time order.

    Args:
        source: a path (.csv, .tsv, .txt parted by comma, semicolon, tab or bar; .parquet; also
            .gz), "-" for the same on standard input, a data frame of pandas, Polars or Arrow
            (times in a column or in its index), or a Series, which is only narrowed and filled.
        time: the time column; None: one of a well-known name, else the one that parses.
        id: the series column of a long table.
        value: the value column of a long table.
        columns: the series wanted, in this order; None: all.
        frequency: the step between rows, as pandas writes it; None: found.
        grid: put the rows on a full regular grid, absent ones unobserved. False takes the rows as
            they are, repeated stamps and all, and leaves the frequency as given.
        target: the series to forecast; no other is read, but the inputs. None: all of `columns`.
        inputs: series that are used but not forecast.
        missing: what becomes of gaps: "observed" leaves them unobserved; "interpolate" fills them
            on a line between the values around them, not before the first and after the last;
            "error" refuses the first one. A long table's series begins and ends with its own rows.
        decimal: the mark before the decimals; None: told by the numbers.

    Raises:
        InputError: the table can't be used; the message says where, what was wanted, what to do.
    """
    names = requested_series(columns, target, inputs)
    if isinstance(source, Series):
        series = source if names is None else source.select(names)
        series = series if inputs is None else mark_inputs(series, inputs)
        return _fill_gaps(series, missing)
    # Bound names of a frame's index count as columns.
    indices = [name for name in (time, id, LONG_FORMAT.id, *TIME_NAMES) if name is not None]
    table = read_table(source, indices)
    layout = detect_layout(table, time, id, value)
    if layout.id is None:
        chosen = channel_columns(table, layout, names)
        rows = rows_from_wide(table, layout, chosen, decimal, distinct=grid)
    else:
        rows = rows_from_long(table, layout, names, decimal)
    if not grid:
        if missing != "observed":
            raise InputError(f"missing={missing!r} needs the full grid; leave grid=True.")
        step = None if frequency is None else parse_frequency(frequency)
        series = Series(rows.values, rows.timestamps, rows.names, step, layout)
    else:
        series = _regularize(table, rows, layout, frequency, missing)
    return series if inputs is None else mark_inputs(series, inputs)


def requested_series(
    columns: Sequence[str] | None, target: Sequence[str] | None, inputs: Sequence[str] | None
) -> list[str] | None:
    """Return the series to read; None: all.

    Raises:
        InputError: a series is named twice, in ways that exclude each other.
    """
    if columns is not None and target is not None:
        raise InputError(
            "columns and target both name the series to forecast; pass target, and inputs "
            "for those that are only used."
        )
    both = [name for name in target or () if name in (inputs or ())]
    if both:
        raise InputError(
            f"{format_names(both)} can't be both forecast and only used; name each in --target or in "
            "--inputs."
        )
    chosen = columns if target is None else target
    return None if chosen is None else list(dict.fromkeys([*chosen, *(inputs or ())]))


def mark_inputs(series: Series, inputs: Sequence[str]) -> Series:
    """Mark some channels as used but not forecast.

    Raises:
        InputError: one is not there, or none is left to forecast.
    """
    series.select(inputs)  # tells the absent ones
    marked = replace(series, inputs=tuple(name for name in series.names if name in inputs))
    if not marked.targets:
        raise InputError(
            f"all series are inputs ({format_names(inputs)}); none is left to forecast."
        )
    return marked


def detect_layout(
    table: RawTable, time: str | None, id: str | None, value: str | None
) -> TableLayout:
    """Tell a long table from a wide one, and find its columns.

    Raises:
        InputError: a column that was named, or has to be there, is not.
    """
    names = table.names
    marked = {LONG_FORMAT.id, LONG_FORMAT.value} <= set(names)
    if id is None and value is None and not marked:
        layout = TableLayout(time=find_time_column(table, time))
    else:
        chosen_id, chosen_value = id or str(LONG_FORMAT.id), value or str(LONG_FORMAT.value)
        for option, name in (("--id", chosen_id), ("--value", chosen_value)):
            if name not in names:
                raise InputError(
                    f"{table.name} has no column {name!r} but {format_names(names)}. A long table needs "
                    f"a series, a time and a value column; name it with {option}."
                )
        usual = LONG_FORMAT.time if LONG_FORMAT.time in names else None
        at = find_time_column(table, time or usual, (chosen_id, chosen_value))
        layout = TableLayout(time=at, id=chosen_id, value=chosen_value)
        if len({layout.time, layout.id, layout.value}) < 3:
            raise InputError(
                f"{table.name}: the time ({at!r}), the series ({chosen_id!r}) and the value "
                f"({chosen_value!r}) need columns of their own; see --time, --id and --value."
            )
    if table.source is not None and is_timestamp(layout.time):
        raise InputError(
            f"{table.describe_position(-1)} should name the columns but begins with data ({layout.time!r}). "
            "Write a header above the first row."
        )
    return layout


def channel_columns(table: RawTable, layout: TableLayout, names: Sequence[str] | None) -> list[str]:
    """Return the columns that are channels of a wide table.

    Raises:
        InputError: one that was named is not there, or has no name.
    """
    present = [name for name in table.names if name != layout.time]
    for name in names or ():
        if name == layout.time:
            raise InputError(f"{table.name}: {name!r} is the time column and no series.")
        table.require_column(name, "--target and --inputs")
    chosen = present if names is None else list(names)
    if not chosen:
        raise InputError(
            f"{table.name} has no column beside the time column {layout.time!r}; a series needs "
            "one. If the columns are separated by something else, save the file with commas."
        )
    unnamed = [name for name in chosen if re.fullmatch(r"\s*|Unnamed: \d+", name)]
    if names is None and unnamed:
        raise InputError(
            f"{table.name}: column {table.names.index(unnamed[0]) + 1} has no name (a row number, "
            "perhaps). Name it or remove it, or choose the columns with --target."
        )
    return chosen


def _regularize(
    table: RawTable,
    rows: TimeRows,
    layout: TableLayout,
    frequency: str | None,
    missing: MissingPolicy,
) -> Series:
    """Put rows on their full grid, and deal with the gaps."""

    def place(step: int) -> str:
        return table.describe_position(int(np.flatnonzero(rows.step == step)[0]))

    grid, found = regular_grid(rows.timestamps, frequency, place)
    at = grid.get_indexer(rows.timestamps)
    values = rows.values
    if len(grid) > len(rows.timestamps):
        values = np.full((len(grid), values.shape[1]), np.nan)
        values[at] = rows.values
    first, last = rows.first_and_last_steps()
    lasts = None if (last == len(rows.timestamps) - 1).all() else rows.timestamps[last]
    series = Series(values, grid, rows.names, found, layout, last_timestamps=lasts)
    if missing == "error":
        _check_gaps(table, rows, series, at[first], at[last])
    return _fill_gaps(series, "observed" if missing == "error" else missing)


def _check_gaps(
    table: RawTable, rows: TimeRows, series: Series, first: np.ndarray, last: np.ndarray
) -> None:
    steps = np.arange(len(series))[:, None]
    gap = first_gap(series.observed, (steps >= first) & (steps <= last))
    if gap is None:
        return
    stamp, name = series.timestamps[gap[0]], series.names[gap[1]]
    step = int(rows.timestamps.get_indexer(series.timestamps[gap[0] : gap[0] + 1])[0])
    row = None if step < 0 else rows.table_row(step, gap[1])
    what = f"series {name!r}" if series.layout.id else f"column {name!r}"
    where = f"{table.name}: there is no row for {stamp}"
    if row is not None:
        where = f"{table.describe_position(row)}: there is no value at {stamp}"
    raise InputError(
        f"{where}, {what}. Fill it in, or pass --missing interpolate or --missing observed."
    )


def _fill_gaps(series: Series, missing: MissingPolicy) -> Series:
    if missing == "observed":
        return series
    if missing == "error":
        gap = first_gap(series.observed, np.ones_like(series.observed))
        if gap is not None:
            raise InputError(
                f"there is no value of {series.names[gap[1]]!r} at {series.timestamps[gap[0]]}. "
                "Fill it in, or pass --missing interpolate or --missing observed."
            )
        return series
    values = interpolate(series.values, series.timestamps.asi8)
    return replace(series, values=values, filled=np.isfinite(values) & ~series.observed)
