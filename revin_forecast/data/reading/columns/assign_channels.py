"""`assign_channels`: the series of each row of a long table, by the columns that name it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from revin_forecast.data.formatting import format_columns, format_names
from revin_forecast.data.key_names import join_key
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.errors import InputError


def assign_channels(
    table: RawTable, ids: Sequence[str], requested: Sequence[str] | None
) -> tuple[np.ndarray, list[str]]:
    """Return each row's channel, -1 for series that are not requested, and the channels' names.

    Args:
        table: the table as it was read.
        ids: the columns that name a series, see `join_key`.
        requested: series to read; None: all, in order of appearance.

    Raises:
        InputError: a cell of these columns is empty, or a requested series does not exist.
    """
    codes, keys = _number_keys(table, ids)
    names = [join_key(key) for key in keys]
    if requested is None:
        return codes, names
    index = {name: number for number, name in enumerate(names)}
    absent = [name for name in requested if name not in index]
    if absent:
        hint = " It is a column; name the values with --value." if absent[0] in table.names else ""
        raise InputError(
            f"{table.name} has no series {format_names(absent)} in "
            f"{format_columns(ids)} among {format_names(names)}."
            f"{hint or ' Check the name.'}"
        )
    number = np.full(len(names), -1)
    number[[index[name] for name in requested]] = np.arange(len(requested))
    return number[codes], list(requested)


def _number_keys(table: RawTable, ids: Sequence[str]) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Return the number of each row's key, and the cells of each key, in order of appearance."""
    codes, cells = number_cells(table, ids[0])
    keys = [(cell,) for cell in cells]
    for name in ids[1:]:
        column_codes, cells = number_cells(table, name)
        # Numbered again after each column: the product of many counts could overflow.
        codes, pairs = pd.factorize(codes * len(cells) + column_codes)
        keys = [(*keys[pair // len(cells)], cells[pair % len(cells)]) for pair in pairs]
    return codes, keys


def number_cells(table: RawTable, name: str) -> tuple[np.ndarray, list[str]]:
    """Return the number of each row's cell of a column, and the cells, in order of appearance.

    Raises:
        InputError: a cell is empty.
    """
    return table.remember(("key cells", name), lambda: _number_cells(table, name))


def _number_cells(table: RawTable, name: str) -> tuple[np.ndarray, list[str]]:
    # As text, since 007 and 7, or NA and an empty cell, are different names.
    cells = table.text_column(name)
    empty = np.flatnonzero(cells.isna() | (cells == ""))
    if len(empty):
        raise InputError(
            f"{table.describe_position(int(empty[0]))}: column {name!r} is empty; name the series."
        )
    codes, distinct = pd.factorize(cells)
    # A frame may have 1 and "1" as ids; both have the same name.
    index: dict[str, int] = {}
    merged = np.array([index.setdefault(str(cell), len(index)) for cell in distinct], dtype=int)
    return merged[codes], list(index)


def note_doubtful_names(table: RawTable, channel: np.ndarray, names: Sequence[str]) -> None:
    """Add notes on names that differ in spaces or capitals only, and on series of a single row."""

    def describe_series(number: int) -> str:
        row = int(np.flatnonzero(channel == number)[0])
        return f"{table.describe_position(row)}: series {names[number]!r}"

    first: dict[str, int] = {}
    similar = [
        (number, first[plain])
        for number, name in enumerate(names)
        if first.setdefault(plain := " ".join(name.split()).casefold(), number) != number
    ]
    if similar:
        number, other = similar[0]
        others = _describe_others(len(similar))
        table.add_note(
            f"{describe_series(number)} and {names[other]!r} differ in spaces or capitals only, "
            f"and were read as two series{others}"
        )
    single = np.flatnonzero(np.bincount(channel[channel >= 0], minlength=len(names)) == 1)
    # A table of one time has a single row of each.
    if 0 < len(single) < len(names):
        table.add_note(
            f"{describe_series(int(single[0]))} has a single row{_describe_others(len(single))}"
        )


def _describe_others(count: int) -> str:
    """Return the end of a note on the first of several cases."""
    return f"; the same holds for {count - 1} more" if count > 1 else ""
