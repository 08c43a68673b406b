"""Treatment of outliers as missing, with a note on each channel that has some."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from revin_forecast.data.formatting import format_timestamp
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.reading_options import OutlierPolicy
from revin_forecast.data.reading.rows.pivot import TimeRows
from revin_forecast.data.reading.values.outliers import find_outliers, find_stacked_outliers
from revin_forecast.data.series import Series

MAX_NOTES = 20
"""Most channels with a note of their own; one more note counts the others."""


@dataclass(frozen=True, eq=False)
class SeenValues:
    """Values of earlier rows, by which newer rows are judged, as they may be few."""

    names: tuple[str, ...]
    values: np.ndarray
    """(rows, channels), NaN where unobserved."""

    def select(self, names: Sequence[str]) -> np.ndarray:
        """Return (rows, names) values; NaN for a series that was not seen."""
        index = {name: number for number, name in enumerate(self.names)}
        selected = np.full((len(self.values), len(names)), np.nan)
        known = [number for number, name in enumerate(names) if name in index]
        selected[:, known] = self.values[:, [index[names[number]] for number in known]]
        return selected


def hide_outliers(
    table: RawTable, rows: TimeRows, policy: OutlierPolicy, seen: SeenValues | None = None
) -> TimeRows:
    """Return the rows of a table with outliers as missing values, and add a note on each channel.

    Args:
        table: the table that the rows were read from; receives the notes.
        rows: its values in time order.
        policy: "keep" returns the values as they are.
        seen: earlier values of the same series.
    """

    def locate(step: int, channel: int) -> str:
        row = rows.find_table_row(step, channel)
        return _describe_row(table, -1 if row is None else row)

    kind = "column" if rows.channel is None else "series"
    if policy == "keep":
        return rows
    values, notes = _hide(rows.values, rows.names, kind, locate, seen)
    for note in notes:
        table.add_note(note)
    return rows if values is rows.values else replace(rows, values=values)


def hide_series_outliers(series: Series, seen: SeenValues) -> Series:
    """Return a series with outliers as missing values, with notes that give their times.

    Args:
        series: rows of which no position in a file is known.
        seen: earlier values of the same series.
    """

    def locate(step: int, _: int) -> str:
        return format_timestamp(series.timestamps[step])

    values, notes = _hide(series.values, series.names, "series", locate, seen)
    return replace(series, values=values, notes=(*series.notes, *notes))


def hide_cell_outliers(
    table: RawTable,
    values: np.ndarray,
    rows: np.ndarray,
    channel: np.ndarray | None,
    names: Sequence[str],
) -> np.ndarray:
    """Return cells with outliers as NaN, and add a note on each channel.

    Args:
        table: the table that the cells were read from; receives the notes.
        values: (cells, channels) in time order, or (cells, 1) of a long table.
        rows: (cells,) row of the table.
        channel: (cells,) channel of each cell of a long table; None: the table is wide.
        names: names of the channels.
    """
    if channel is None:

        def locate(cell: int, _: int) -> str:
            return _describe_row(table, int(rows[cell]))

        hidden, notes = _hide(values, names, "column", locate, None)
        for note in notes:
            table.add_note(note)
        return hidden
    order = np.argsort(channel, kind="stable")
    starts = np.flatnonzero(np.diff(channel[order], prepend=-1))
    found = find_stacked_outliers(values[order, 0], starts)
    if not found:
        return values
    hidden = values.copy()
    for number, part in enumerate(found):
        cells = order[part.rows]
        hidden[cells] = np.nan
        if number < MAX_NOTES:
            where = f"{_describe_row(table, int(rows[cells[0]]))}, series "
            where += repr(names[int(channel[cells[0]])])
            table.add_note(describe_outliers(values[cells, 0], where))
    if len(found) > MAX_NOTES:
        table.add_note(_describe_more(len(found) - MAX_NOTES, "series"))
    return hidden


def _describe_row(table: RawTable, row: int) -> str:
    """Return the line or the number of a row, without the name of the table."""
    return table.describe_position(row).removeprefix(f"{table.name}, ")


def _describe_more(count: int, kind: str) -> str:
    """Return the note on further channels with outliers."""
    subject = f"{count} more {kind}{'s' * (kind == 'column' and count > 1)}"
    return (
        f"{subject} {'have' if count > 1 else 'has'} values far beyond all others, which were "
        "treated as missing; --outliers keep uses them"
    )


def _hide(
    values: np.ndarray,
    names: Sequence[str],
    kind: str,
    locate: Callable[[int, int], str],
    seen: SeenValues | None,
) -> tuple[np.ndarray, list[str]]:
    """Return values without outliers, a copy if there are some, and the notes on them."""
    found = find_outliers(values, None if seen is None else seen.select(names))
    if not found:
        return values, []
    hidden, notes = values.copy(), []  # the values may be a view of the caller's frame
    for part in found:
        hidden[part.rows, part.channel] = np.nan
    for part in found[:MAX_NOTES]:
        where = f"{locate(int(part.rows[0]), part.channel)}, {kind} {names[part.channel]!r}"
        notes.append(describe_outliers(values[part.rows, part.channel], where))
    if len(found) > MAX_NOTES:
        notes.append(_describe_more(len(found) - MAX_NOTES, kind))
    return hidden, notes


def describe_outliers(values: Sequence[float] | np.ndarray, where: str) -> str:
    """Return the note on a channel's outliers.

    Args:
        values: the outliers, in the order of the rows.
        where: position of the first one, and the channel.

    >>> describe_outliers([1e12], "line 151, column 'sales'")
    "line 151, column 'sales': 1e+12 is far beyond all other values and was treated as missing; \
--outliers keep uses it"
    """
    if len(values) == 1:
        return (
            f"{where}: {values[0]:.10g} is far beyond all other values and was treated as missing; "
            "--outliers keep uses it"
        )
    others = "1 more value" if len(values) == 2 else f"{len(values) - 1:,} more values"
    return (
        f"{where}: {values[0]:.10g} and {others} are far beyond all others and were treated as "
        "missing; --outliers keep uses them"
    )
