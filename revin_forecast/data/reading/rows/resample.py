"""Irregular rows and transactions on regular steps of time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pandas as pd

from revin_forecast.data.formatting import format_timestamp, pluralize
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.reading_options import LongGapPolicy, OutlierPolicy
from revin_forecast.data.reading.rows.empty_rows import note_empty_ends
from revin_forecast.data.reading.rows.long_gaps import check_end_gaps
from revin_forecast.data.reading.rows.pivot import TimeRows, check_pivot_size, parse_rows
from revin_forecast.data.reading.rows.steps import assign_steps, list_step_bounds, parse_resample
from revin_forecast.data.reading.rows.suggest_step import suggest_step
from revin_forecast.data.reading.values.hide_outliers import hide_cell_outliers
from revin_forecast.data.table_format import TableFormat
from revin_forecast.errors import InputError

TOTALS = ("sum", "count")
"""Aggregates that are 0 without any row, and too small for a step that is not complete."""
MIN_COMPARED_STEPS = 3
"""Fewest other steps with which the first and the last step are compared."""
USUAL_QUANTILE = 0.95
"""Quantile of the distances between a step's rows and its bounds that still is usual."""


@dataclass(frozen=True, eq=False)
class _Cells:
    """Rows in time order, and their steps."""

    stamps: pd.DatetimeIndex
    values: np.ndarray
    """(rows, channels) of a wide table, (rows, 1) of a long one; NaN where unobserved."""
    rows: np.ndarray
    """(rows,) row of the table."""
    channel: np.ndarray | None
    """(rows,) channel of each row of a long table."""
    names: tuple[str, ...]
    labels: pd.DatetimeIndex
    """Names of all steps from the first to the last row."""
    codes: np.ndarray
    """(rows,) step of each row."""

    def slice_steps(self, start: int, stop: int) -> "_Cells":
        """Return the rows of some steps."""
        first, last = np.searchsorted(self.codes, [start, stop])
        rows = slice(int(first), int(last))
        return replace(
            self,
            stamps=self.stamps[rows],
            values=self.values[rows],
            rows=self.rows[rows],
            channel=None if self.channel is None else self.channel[rows],
            labels=self.labels[start:stop],
            codes=self.codes[rows] - start,
        )


def read_resampled_rows(
    table: RawTable,
    format: TableFormat,
    names: Sequence[str] | None,
    long_gaps: LongGapPolicy,
    outliers: OutlierPolicy = "missing",
) -> TimeRows:
    """Parse the rows of a table, and combine those of each step.

    A step without a row is 0 for a sum or a count (from the first row of each series to the last
    one of the table), and unobserved for others. A first or last step that the rows do not fill is
    left out of sums and counts, which would be too small.

    Args:
        table: the table as it was read.
        format: its format, with `resample`.
        names: columns of a wide table; series of a long one, None: all.
        long_gaps: treatment of rows far from all others.
        outliers: treatment of values far beyond all others, before rows are combined.

    Raises:
        InputError: a cell can't be parsed, the step does not suit the rows, or a step has several
            rows and no aggregate was chosen.
    """
    frequency = parse_resample(str(format.resample))
    cells = _read_cells(table, format, names, frequency, long_gaps)
    row_count, aggregate = len(cells.rows), format.aggregate
    if outliers == "missing":
        parts = cells.values, cells.rows, cells.channel, cells.names
        cells = replace(cells, values=hide_cell_outliers(table, *parts))
    if aggregate is None:
        _check_single_rows(table, cells, frequency)
    if aggregate in TOTALS:
        cells = _drop_incomplete_steps(table, cells, frequency, aggregate)
    values = _aggregate(cells, aggregate or "mean")
    empty = pluralize(len(cells.labels) - len(np.unique(cells.codes)), "step")
    ends, treatment = None, "not observed"
    if aggregate in TOTALS:
        unobserved = np.isnan(values).sum()
        ends, treatment = _fill_empty_steps(values, cells), "counted as 0"
        if cells.channel is not None:
            empty = pluralize(int(unobserved - np.isnan(values).sum()), "value")
    without = "" if empty.startswith("0 ") else f"; {empty} without a row: {treatment}"
    each = "" if aggregate is None else f", the {aggregate} of each"
    table.add_note(
        f"{pluralize(row_count, 'row')} resampled to {pluralize(len(cells.labels), 'step')} of "
        f"{frequency}{each}{without}"
    )
    step, channel = np.full(len(table.frame), -1), None
    step[cells.rows] = cells.codes
    if cells.channel is not None:
        channel = np.full(len(table.frame), -1)
        channel[cells.rows] = cells.channel
    return TimeRows(values, cells.labels, cells.names, step, channel, ends)


def _read_cells(
    table: RawTable,
    format: TableFormat,
    names: Sequence[str] | None,
    frequency: str,
    long_gaps: LongGapPolicy,
) -> _Cells:
    parsed = parse_rows(table, format, names)
    rows = (
        np.arange(len(parsed.stamps))
        if parsed.channel is None
        else np.flatnonzero(parsed.channel >= 0)
    )
    rows = rows[np.argsort(parsed.stamps.asi8[rows], kind="stable")]
    values = np.where(np.isfinite(parsed.values[rows]), parsed.values[rows], np.nan)
    # Rows without a value before the first and after the last one are not data.
    has_value = np.asarray(np.isfinite(values).any(axis=1))
    end = "the last value is at"
    kept = note_empty_ends(table, has_value, parsed.stamps[rows], rows, end)
    rows, values = rows[kept], values[kept]
    stamps = parsed.stamps[rows]
    distinct = stamps.unique()
    if long_gaps == "refuse":
        firsts = stamps.searchsorted(distinct)
        check_end_gaps(distinct, lambda index: table.describe_position(int(rows[firsts[index]])))
    labels, codes = assign_steps(stamps, frequency)
    _check_upsampling(table, distinct, np.unique(codes), format, frequency)
    channel = None if parsed.channel is None else parsed.channel[rows]
    if channel is not None:
        check_pivot_size(table, len(labels), len(parsed.names), len(rows))
    return _Cells(stamps, values, rows, channel, parsed.names, labels, codes)


def _check_upsampling(
    table: RawTable,
    distinct: pd.DatetimeIndex,
    steps: np.ndarray,
    format: TableFormat,
    frequency: str,
) -> None:
    """Reject steps shorter than those of the rows: resampling combines rows, it makes none."""
    distances = np.diff(steps)
    if len(distances) < 2:
        return
    # Sums of rare events may be far apart, but not all of them.
    usual = distances.min() if format.aggregate in TOTALS else np.median(distances)
    if usual >= 2:
        raise InputError(
            f"{table.name}: its rows are {usual:g} steps of --resample {frequency} apart, and "
            "resampling combines rows but makes none. Pass a longer step, such as --resample "
            f"{suggest_step(distinct)}, or leave --resample and --aggregate out."
        )


def _check_single_rows(table: RawTable, cells: _Cells, frequency: str) -> None:
    """Reject steps with several rows, since only the user knows how to combine these."""
    keys = cells.codes
    if cells.channel is not None:
        keys = keys * len(cells.names) + cells.channel
    repeated = np.flatnonzero(pd.Series(keys).duplicated())
    if not len(repeated):
        return
    row = int(repeated[0])
    series = "" if cells.channel is None else f" of series {cells.names[cells.channel[row]]!r}"
    raise InputError(
        f"{table.describe_position(int(cells.rows[row]))}: {format_timestamp(cells.stamps[row])}"
        f"{series} is the second row of the step {format_timestamp(cells.labels[cells.codes[row]])}"
        f" of --resample {frequency}. Say how to combine them: --aggregate sum (amounts), mean "
        "(levels), last, min, max, median or count."
    )


def _drop_incomplete_steps(
    table: RawTable, cells: _Cells, frequency: str, aggregate: str
) -> _Cells:
    """Leave out a first or last step that the rows do not fill."""
    steps, firsts = np.unique(cells.codes, return_index=True)
    lasts = np.append(firsts[1:], len(cells.codes)) - 1
    if len(steps) == len(cells.stamps.unique()):
        return cells  # the rows have the steps' length, so each fills its step
    bounds = list_step_bounds(cells.labels, frequency)
    gaps = np.diff(cells.stamps.unique().asi8).astype(np.float64)
    own_step, longest = float(np.median(gaps)), float(gaps.max())
    unit, times = cells.stamps.unit, cells.stamps.asi8.astype(np.float64)
    before = times[firsts] - bounds[steps].as_unit(unit).asi8
    after = bounds[steps + 1].as_unit(unit).asi8 - times[lasts]
    # The time without rows would be a step shorter at the start, since a row is at its beginning.
    start = int(before[0] >= own_step and _is_unusual(before + own_step, 0, longest))
    is_cut = after[-1] > own_step and _is_unusual(after, -1, longest)
    stop = len(cells.labels) - int(is_cut)
    if start >= stop:
        raise InputError(
            f"{table.name}: its rows, {cells.stamps[0]} to {cells.stamps[-1]}, fill no step of "
            f"--resample {frequency}. Pass a shorter step, or --aggregate mean."
        )
    for which, label, is_left_out, end in (
        ("first", cells.labels[0], start, f"begin at {cells.stamps[0]}"),
        ("last", cells.labels[-1], is_cut, f"end at {cells.stamps[-1]}"),
    ):
        if is_left_out:
            table.add_note(
                f"the {which} step, {format_timestamp(label)}, was left out: its rows "
                f"{end.removesuffix(' 00:00:00')}, so its {aggregate} would be too small"
            )
    return cells.slice_steps(start, stop)


def _is_unusual(distances: np.ndarray, index: int, longest_gap: float) -> bool:
    """Return whether rows are farther from a bound of their step than those of other steps.

    With few other steps, the longest time between two rows is compared instead.
    """
    others = distances[1:-1]
    is_few = len(others) < MIN_COMPARED_STEPS
    usual = longest_gap if is_few else np.quantile(others, USUAL_QUANTILE)
    return bool(distances[index] > usual)


def _aggregate(cells: _Cells, aggregate: str) -> np.ndarray:
    """Return (steps, channels) values, NaN for steps without a value."""
    width = len(cells.names)
    keys = cells.codes if cells.channel is None else cells.codes * width + cells.channel
    groups = pd.DataFrame(cells.values).groupby(keys)
    # Without a single value, the sum is not observed rather than 0.
    combined = cast(
        pd.DataFrame, groups.sum(min_count=1) if aggregate == "sum" else groups.agg(aggregate)
    )
    values = np.full((len(cells.labels), width), np.nan)
    if cells.channel is None:
        values[combined.index.to_numpy()] = combined.to_numpy()
    else:
        values.ravel()[combined.index.to_numpy()] = combined.to_numpy()[:, 0]
    return values


def _fill_empty_steps(values: np.ndarray, cells: _Cells) -> tuple[np.ndarray, np.ndarray]:
    """Write 0 into steps without a row; return the first and the last step of each channel."""
    steps, width = len(values), len(cells.names)
    last = np.full(width, steps - 1)
    if cells.channel is None:
        values[np.setdiff1d(np.arange(steps), cells.codes)] = 0
        return np.zeros(width, dtype=int), last
    has_row = np.zeros(values.shape, dtype=bool)
    has_row[cells.codes, cells.channel] = True
    first = np.where(has_row.any(axis=0), has_row.argmax(axis=0), 0)
    values[~has_row & (np.arange(steps)[:, None] >= first)] = 0
    return first, last
