"""The end of a table: rows after the last value of all series to forecast, or of some."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from revin_forecast.data.binary_columns import find_binary_columns
from revin_forecast.data.formatting import format_timestamp, pluralize
from revin_forecast.data.series import Series

MIN_NOTED_ROWS = 2
"""A column that ends fewer rows before the table is usual."""


def end_with_targets(
    series: Series, others: Collection[str] = (), skips_binary: bool = False
) -> Series:
    """Return a wide table without the rows at its end in which only other columns have values.

    Tables often have known inputs for future days, such as planned prices. The forecast begins
    after the last value of a series to forecast, and a note says so.

    Args:
        series: the table.
        others: columns that are not forecast, such as known inputs.
        skips_binary: whether columns of 0 and 1 are not forecast, see `find_binary_columns`.
    """
    if series.format.is_long or np.isfinite(series.values[-1:]).all():
        return series
    ignored = {*others, *series.inputs}
    if skips_binary:
        rest = [name for name in series.names if name not in ignored]
        ignored |= {*(find_binary_columns(series.select(rest)) if rest else ())}
    is_target = np.array([name not in ignored for name in series.names])
    observed = np.isfinite(series.values)
    rows = np.flatnonzero(observed[:, is_target].any(axis=1))
    # Rows without any value are a part of the table, if the caller left them in.
    if not len(rows) or not observed[rows[-1] + 1 :].any():
        return series
    stop = int(rows[-1]) + 1
    stamps = series.timestamps
    dates = f"{format_timestamp(stamps[stop])} to {format_timestamp(stamps[-1])}"
    note = (
        f"{pluralize(len(series) - stop, 'row')}, {dates}, have no value of a series to forecast "
        f"and were left out; the forecast begins after {format_timestamp(stamps[stop - 1])}. Known "
        "inputs of future steps are passed as --covariates and --future FILE"
    )
    return replace(series.slice_rows(0, stop), notes=(*series.notes, note))


def note_early_ends(series: Series) -> Series:
    """Return a wide table with a note on columns that end before it."""
    if series.format.is_long or series.last_timestamps is not None:
        return series
    observed = np.isfinite(series.values)
    if observed[-1:].all():
        return series
    empty = np.where(observed.any(axis=0), observed[::-1].argmax(axis=0), 0)
    early = [
        index
        for index, name in enumerate(series.names)
        if empty[index] >= MIN_NOTED_ROWS and name not in series.inputs
    ]
    if not early:
        return series
    first = early[0]
    more = ""
    if len(early) > 1:
        more = f"; the same holds for {pluralize(len(early) - 1, 'other column')}"
    note = (
        f"column {series.names[first]!r} has no values in the last {int(empty[first]):,} rows; its "
        f"forecast begins after {format_timestamp(series.timestamps[-1])}, as all others{more}"
    )
    return replace(series, notes=(*series.notes, note))
