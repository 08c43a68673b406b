"""`read_series`: tables of every supported kind and layout as a `Series`."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from revin_forecast.data.formatting import format_names
from revin_forecast.data.reading.frequency import find_regular_grid, parse_frequency
from revin_forecast.data.reading.gaps import find_first_gap, interpolate
from revin_forecast.data.reading.pivot import TimeRows, read_long_rows, read_wide_rows
from revin_forecast.data.reading.raw_table import ArrowTable, RawTable, read_table
from revin_forecast.data.reading.reading_options import DecimalMark, MissingPolicy
from revin_forecast.data.reading.timestamps import TIME_NAMES, find_time_column, is_timestamp
from revin_forecast.data.series import Series
from revin_forecast.data.table_layout import TableLayout
from revin_forecast.errors import InputError

TableLike = Series | pd.DataFrame | str | Path | ArrowTable
"""A series, a data frame, or the path of a CSV or Parquet file."""

LONG_FORMAT = TableLayout(id="unique_id", time="ds", value="y")
"""Names of columns by which a long table is recognized without options."""


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

    A wide table has a time column and one column per series. A long table has one row per series
    and time, in columns `unique_id`, `ds` and `y` or those named. Values are the nearest float64
    (whole numbers beyond 2**53 are rounded); empty cells, NaN and infinities are unobserved, True
    and False are 1 and 0. Rows are sorted by time.

    Args:
        source: a path (.csv, .tsv, .txt separated by comma, semicolon, tab or bar; .parquet; also
            .gz), "-" for the same on standard input, a data frame of pandas, Polars or Arrow
            (times in a column or in its index), or a Series, which is read already: only `columns`,
            `target`, `inputs` and `missing` apply to it.
        time: the time column; None: a column with a usual name, else one that can be parsed.
        id: the series column of a long table.
        value: the value column of a long table.
        columns: series to read, in this order; None: all.
        frequency: pandas frequency string of the rows; None: detect it.
        grid: put the rows on a full regular grid, with absent rows unobserved. False keeps the
            rows as they are, including repeated timestamps, and does not detect a frequency.
        target: series to forecast; only these and the inputs are read. None: all of `columns`.
        inputs: series that are used but not forecast.
        missing: treatment of gaps. "observed" leaves them unobserved; "interpolate" fills them
            linearly in time, except before the first and after the last value; "error" rejects
            the first one. A series of a long table begins and ends with its own rows.
        decimal: the decimal mark; None: detect it.

    Raises:
        InputError: the table can't be read; the message has the position, the problem and the fix.
    """
    names = resolve_requested_series(columns, target, inputs)
    if isinstance(source, Series):
        series = source if names is None else source.select(names)
        series = series if inputs is None else mark_inputs(series, inputs)
        return _fill_gaps(series, missing)
    # A frame's index that has one of these names is a column.
    index_names = [name for name in (time, id, LONG_FORMAT.id, *TIME_NAMES) if name is not None]
    table = read_table(source, index_names)
    layout = detect_layout(table, time, id, value)
    if layout.id is None:
        # Only these columns are parsed, so others may hold anything.
        channels = select_channel_columns(table, layout, names)
        rows = read_wide_rows(table, layout, channels, decimal, distinct=grid)
    else:
        rows = read_long_rows(table, layout, names, decimal)
    if not grid:
        # Rows as they are may repeat or skip times, so gaps are not defined.
        if missing != "observed":
            raise InputError(f"missing={missing!r} needs the full grid; leave grid=True.")
        parsed_frequency = None if frequency is None else parse_frequency(frequency)
        series = Series(rows.values, rows.timestamps, rows.names, parsed_frequency, layout)
    else:
        series = _regularize(table, rows, layout, frequency, missing)
    return series if inputs is None else mark_inputs(series, inputs)


def resolve_requested_series(
    columns: Sequence[str] | None, target: Sequence[str] | None, inputs: Sequence[str] | None
) -> list[str] | None:
    """Return the series to read; None: all.

    Raises:
        InputError: the options contradict each other.
    """
    if columns is not None and target is not None:
        raise InputError(
            "columns and target both name the series to forecast; pass target, and inputs "
            "for series that are used but not forecast."
        )
    overlap = [name for name in target or () if name in (inputs or ())]
    if overlap:
        raise InputError(
            f"{format_names(overlap)} can't be both targets and inputs; name each in --target or "
            "in --inputs."
        )
    targets = columns if target is None else target
    # Targets first, and each series once.
    return None if targets is None else list(dict.fromkeys([*targets, *(inputs or ())]))


def mark_inputs(series: Series, inputs: Sequence[str]) -> Series:
    """Mark some channels as used but not forecast.

    Raises:
        InputError: an input does not exist, or no series is left to forecast.
    """
    series.select(inputs)  # raises for unknown names
    marked = replace(series, inputs=tuple(name for name in series.names if name in inputs))
    if not marked.targets:
        raise InputError(
            f"all series are inputs ({format_names(inputs)}); none is left to forecast."
        )
    return marked


def detect_layout(
    table: RawTable, time: str | None, id: str | None, value: str | None
) -> TableLayout:
    """Detect whether a table is wide or long, and find its columns.

    Raises:
        InputError: a column that was named, or is required, does not exist.
    """
    has_long_names = {LONG_FORMAT.id, LONG_FORMAT.value} <= set(table.names)
    if id is None and value is None and not has_long_names:
        layout = TableLayout(time=find_time_column(table, time))
    else:
        layout = _detect_long_layout(table, time, id, value)
    # Without a header, the CSV reader takes the first row of data for the names of the columns. The
    # message calls it row -1, the one above the first row.
    if table.source is not None and is_timestamp(layout.time):
        raise InputError(
            f"{table.describe_position(-1)} should name the columns but begins with data "
            f"({layout.time!r}). Write a header above the first row."
        )
    return layout


def _detect_long_layout(
    table: RawTable, time: str | None, id: str | None, value: str | None
) -> TableLayout:
    names = table.names
    id_name, value_name = id or str(LONG_FORMAT.id), value or str(LONG_FORMAT.value)
    for option, name in (("--id", id_name), ("--value", value_name)):
        if name not in names:
            raise InputError(
                f"{table.name} has no column {name!r} but {format_names(names)}. A long table "
                f"needs a series, a time and a value column; name it with {option}."
            )
    # With --id and --value given, a column `ds` is the time even next to another time column.
    usual = LONG_FORMAT.time if LONG_FORMAT.time in names else None
    time_name = find_time_column(table, time or usual, (id_name, value_name))
    if len({time_name, id_name, value_name}) < 3:
        raise InputError(
            f"{table.name}: the time ({time_name!r}), the series ({id_name!r}) and the value "
            f"({value_name!r}) need columns of their own; see --time, --id and --value."
        )
    return TableLayout(time=time_name, id=id_name, value=value_name)


def select_channel_columns(
    table: RawTable, layout: TableLayout, names: Sequence[str] | None
) -> list[str]:
    """Return the columns that are channels of a wide table.

    Raises:
        InputError: a column that was named does not exist, or a column has no name.
    """
    other_columns = [name for name in table.names if name != layout.time]
    for name in names or ():
        if name == layout.time:
            raise InputError(f"{table.name}: {name!r} is the time column, not a series.")
        table.require_column(name, "--target and --inputs")
    channels = other_columns if names is None else list(names)
    if not channels:
        raise InputError(
            f"{table.name} has no column other than the time column {layout.time!r}; a series "
            "needs one. If the columns are separated by something else, save the file with commas."
        )
    # Pandas writes a nameless index, which would be forecast like a series ("Unnamed: 0" when a
    # frame is read and written again).
    unnamed = [name for name in channels if re.fullmatch(r"\s*|Unnamed: \d+", name)]
    if names is None and unnamed:
        raise InputError(
            f"{table.name}: column {table.names.index(unnamed[0]) + 1} has no name (a row number, "
            "perhaps). Name it or remove it, or choose the columns with --target."
        )
    return channels


def _regularize(
    table: RawTable,
    rows: TimeRows,
    layout: TableLayout,
    frequency: str | None,
    missing: MissingPolicy,
) -> Series:
    """Put rows on the full grid of their frequency, and treat the gaps."""

    def describe_step(step: int) -> str:
        return table.describe_position(int(np.flatnonzero(rows.step == step)[0]))

    grid, detected = find_regular_grid(rows.timestamps, frequency, describe_step)
    grid_rows = grid.get_indexer(rows.timestamps)
    values = rows.values
    if len(grid) > len(rows.timestamps):
        values = np.full((len(grid), values.shape[1]), np.nan)
        values[grid_rows] = rows.values
    first, last = rows.compute_channel_ends()
    # Trailing absent rows of a series are not gaps: it ends with its own last row.
    all_end_together = (last == len(rows.timestamps) - 1).all()
    last_timestamps = None if all_end_together else rows.timestamps[last]
    series = Series(values, grid, rows.names, detected, layout, last_timestamps=last_timestamps)
    if missing == "error":
        _check_gaps(table, rows, series, grid_rows[first], grid_rows[last])
        return series
    return _fill_gaps(series, missing)


def _check_gaps(
    table: RawTable, rows: TimeRows, series: Series, first: np.ndarray, last: np.ndarray
) -> None:
    """Reject the first gap between each channel's first and last row, with its position.

    Raises:
        InputError: there is a gap.
    """
    steps = np.arange(len(series))[:, None]
    gap = find_first_gap(series.observed, (steps >= first) & (steps <= last))
    if gap is None:
        return
    stamp, name = series.timestamps[gap[0]], series.names[gap[1]]
    step = int(rows.timestamps.get_indexer(series.timestamps[gap[0] : gap[0] + 1])[0])
    row = None if step < 0 else rows.find_table_row(step, gap[1])
    channel = f"series {name!r}" if series.layout.id else f"column {name!r}"
    problem = f"{table.name}: there is no row for {stamp}"
    if row is not None:
        problem = f"{table.describe_position(row)}: there is no value at {stamp}"
    raise InputError(
        f"{problem}, {channel}. Fill it in, or pass --missing interpolate or --missing observed."
    )


def _fill_gaps(series: Series, missing: MissingPolicy) -> Series:
    """Treat the gaps of a series, which has no position in a file for an error message."""
    if missing == "observed":
        return series
    if missing == "error":
        gap = find_first_gap(series.observed, np.ones_like(series.observed))
        if gap is not None:
            raise InputError(
                f"there is no value of {series.names[gap[1]]!r} at {series.timestamps[gap[0]]}. "
                "Fill it in, or pass --missing interpolate or --missing observed."
            )
        return series
    # `filled` marks these values, since they depend on later ones and were not measured.
    values = interpolate(series.values, series.timestamps.asi8)
    return replace(series, values=values, filled=np.isfinite(values) & ~series.observed)
