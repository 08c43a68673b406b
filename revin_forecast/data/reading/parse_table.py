"""`parse_table`: parsing of a table whose format is known."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from revin_forecast.data.reading.inspect_table import select_channel_columns
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.reading_options import LongGapPolicy, MissingPolicy, OutlierPolicy
from revin_forecast.data.reading.rows.empty_rows import drop_empty_ends
from revin_forecast.data.reading.rows.frequency import find_regular_grid, parse_frequency
from revin_forecast.data.reading.rows.long_gaps import check_end_gaps
from revin_forecast.data.reading.rows.pivot import TimeRows, read_long_rows, read_wide_rows
from revin_forecast.data.reading.rows.resample import read_resampled_rows
from revin_forecast.data.reading.rows.steps import parse_resample
from revin_forecast.data.reading.values.gaps import find_first_gap, interpolate
from revin_forecast.data.reading.values.hide_outliers import SeenValues, hide_outliers
from revin_forecast.data.series import Series
from revin_forecast.data.table_format import TableFormat
from revin_forecast.errors import InputError


def parse_table(
    table: RawTable,
    format: TableFormat,
    names: Sequence[str] | None = None,
    grid: bool = True,
    missing: MissingPolicy = "observed",
    long_gaps: LongGapPolicy = "refuse",
    inputs: Sequence[str] = (),
    outliers: OutlierPolicy = "missing",
    seen: SeenValues | None = None,
) -> Series:
    """Parse a table as its format says; the result has the format with its frequency.

    Rows with a time but no value before the first value and after the last one are left out.

    Args:
        table: the table as it was read.
        format: its format, from the inspection.
        names: series to read, in this order; None: all.
        grid: put the rows on a full regular grid, see `read_series`.
        missing: treatment of gaps.
        long_gaps: treatment of a few rows that are far from all others.
        inputs: series whose values do not make a row part of the table.
        outliers: treatment of values far beyond all others, see `read_series`.
        seen: values of earlier rows, by which newer rows are judged as well.

    Raises:
        InputError: a cell can't be parsed, a row is repeated, the rows follow no frequency, or the
            first or last rows are far from all others.
    """
    if not format.is_long:
        names = select_channel_columns(table, format, names)
    if format.resample is not None:
        format = _set_resampled_frequency(format, grid)
        rows = read_resampled_rows(table, format, names, long_gaps, outliers)
        return _add_notes(_regularize(table, rows, format, missing), table)
    if format.is_long:
        rows = read_long_rows(table, format, names)
    else:
        rows = read_wide_rows(table, format, list(names or ()), grid)
    if grid:
        rows = drop_empty_ends(table, rows, inputs)
        # Computed once, since long tables have many rows.
        rows = replace(rows, ends=rows.compute_channel_ends())
        if long_gaps == "refuse":
            _check_end_gaps(table, rows)
    # Below the rows without a value, so that an outlier at the end remains the last row.
    rows = hide_outliers(table, rows, outliers, seen)
    if grid:
        return _add_notes(_regularize(table, rows, format, missing), table)
    # Rows as they are may repeat or skip times, so gaps are not defined.
    if missing != "observed":
        raise InputError(f"missing={missing!r} needs the full grid; leave grid=True.")
    frequency = None if format.frequency is None else parse_frequency(format.frequency)
    return _add_notes(Series(rows.values, rows.timestamps, rows.names, frequency, format), table)


def _add_notes(series: Series, table: RawTable) -> Series:
    return replace(series, notes=tuple(table.notes))


def _set_resampled_frequency(format: TableFormat, grid: bool) -> TableFormat:
    """Return the format with the frequency of its steps.

    Raises:
        InputError: the options contradict each other.
    """
    frequency = parse_resample(str(format.resample))
    if not grid:
        raise InputError(
            "Rows are put on the full grid of the steps of --resample; leave grid=True."
        )
    if format.frequency is not None and parse_frequency(format.frequency) != frequency:
        raise InputError(
            f"--resample {frequency} makes rows of that step, but the step wanted is "
            f"{format.frequency}. Pass --resample {format.frequency}."
        )
    return replace(format, resample=frequency, frequency=frequency)


def _check_end_gaps(table: RawTable, rows: TimeRows) -> None:
    """Reject a few rows that are far from all others, of the table or of a series of a long one."""

    def describe(step: int, of_channel: np.ndarray | bool = True) -> str:
        return table.describe_position(int(np.flatnonzero((rows.step == step) & of_channel)[0]))

    check_end_gaps(rows.timestamps, describe)
    if rows.channel is None:
        return
    first, last = rows.compute_channel_ends()
    observed = np.isfinite(rows.values)
    # A series without gaps has none at its ends either, given those of all times.
    for channel in np.flatnonzero(observed.sum(axis=0) < last - first + 1):
        steps = np.flatnonzero(observed[:, channel])
        of_channel = rows.channel == channel

        def describe_row(
            index: int, steps: np.ndarray = steps, of_channel: np.ndarray = of_channel
        ) -> str:
            return describe(int(steps[index]), of_channel)

        check_end_gaps(rows.timestamps[steps], describe_row)


def _regularize(
    table: RawTable, rows: TimeRows, format: TableFormat, missing: MissingPolicy
) -> Series:
    """Put rows on the full grid of their frequency, and treat the gaps."""

    def describe_step(step: int) -> str:
        return table.describe_position(int(np.flatnonzero(rows.step == step)[0]))

    grid, detected = find_regular_grid(rows.timestamps, format.frequency, describe_step)
    grid_rows = grid.get_indexer(rows.timestamps)
    values = rows.values
    if len(grid) > len(rows.timestamps):
        values = np.full((len(grid), values.shape[1]), np.nan)
        values[grid_rows] = rows.values
    first, last = rows.compute_channel_ends()
    # Trailing absent rows of a series are not gaps: it ends with its own last row.
    all_end_together = (last == len(rows.timestamps) - 1).all()
    last_timestamps = None if all_end_together else rows.timestamps[last]
    format = replace(format, frequency=detected)
    series = Series(values, grid, rows.names, detected, format, last_timestamps=last_timestamps)
    if missing == "error":
        _check_gaps(table, rows, series, grid_rows[first], grid_rows[last])
        return series
    return fill_gaps(series, missing)


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
    channel = f"series {name!r}" if series.format.id else f"column {name!r}"
    problem = f"{table.name}: there is no row for {stamp}"
    if row is not None:
        problem = f"{table.describe_position(row)}: there is no value at {stamp}"
    raise InputError(
        f"{problem}, {channel}. Fill it in, or pass --missing interpolate or --missing observed."
    )


def fill_gaps(series: Series, missing: MissingPolicy) -> Series:
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
