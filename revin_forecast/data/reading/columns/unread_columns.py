"""Columns of a wide table that are not series: row numbers, constant names, texts."""

import re
import shlex
from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from revin_forecast.data.formatting import format_columns
from revin_forecast.data.reading.columns.column_kinds import (
    UNNAMED,
    ColumnKinds,
    has_strong_id_name,
    is_constant,
    is_number_like,
    is_row_number,
)
from revin_forecast.data.reading.columns.long_columns import choose_value
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.times.time_column import is_time_count
from revin_forecast.errors import InputError

MIN_REPEATS = 4
"""Rows per number from which a column of whole numbers may name series."""
UNREAD = "unread columns"
"""Key of the columns that are not read among the results of a table."""


def find_unread_columns(
    table: RawTable, times: Sequence[str], kinds: ColumnKinds, is_newer: bool, is_part: bool
) -> list[str]:
    """Return the columns of a wide table that are certainly not series, with a note on each.

    Args:
        table: the table as it was read.
        times: names of the time columns.
        kinds: kinds of the other columns.
        is_newer: whether the table has newer rows of a table that was read before. Its few rows do
            not decide about numbers; those that were not series then are ignored anyway.
        is_part: whether the table is the beginning of a larger one.

    Raises:
        InputError: a column may name the series of a long table.
    """
    others = [name for name in table.names if name not in times]
    named = [name for name in others if not re.fullmatch(UNNAMED, name)]
    plain = {*kinds.numbers} if len(kinds.numbers) > len(others) // 2 else set()
    unread: dict[str, str] = {}
    for name in others:
        if name in plain or (is_newer and name in kinds.ids):
            continue
        column = table.column(name)
        if is_row_number(name, column) and not (is_newer and name in named):
            unread[name] = f"column {name!r} was not read, since it numbers the rows"
        elif (name in kinds.texts or name in kinds.ids) and is_constant(column):
            cell = table.text_column(name).iloc[0]
            unread[name] = (
                f"column {name!r} was not read, since all its cells are {str(cell)[:60]!r}"
            )
    for name in kinds.numbers:
        if is_time_count(table, name):
            unread[name] = f"column {name!r} was not read, since it has times too"
    # A single column can only be the series to forecast.
    if len(unread) == len(others):
        return []
    if is_part and unread:
        raise InputError(
            f"{table.name}: {format_columns(list(unread))} may name series or number the rows, "
            "which a few rows at a time do not show. Name the series to forecast with --target; "
            "or those of a long table with --id and --value."
        )
    if not is_newer:
        _check_numbers_of_series(table, times, [name for name in kinds.ids if name not in unread])
    for note in unread.values():
        table.add_note(note)
    return list(unread)


def check_texts(
    table: RawTable, times: Sequence[str], kinds: ColumnKinds, unread: Sequence[str]
) -> None:
    """Reject columns of text in a wide table, with the options that read it.

    Raises:
        InputError: there are such columns, and others that can be forecast.
    """
    texts = [name for name in kinds.texts if name not in unread]
    numbers = [name for name in (*kinds.ids, *kinds.numbers) if name not in unread]
    if not texts or not numbers:
        return
    column = table.text_column(texts[0])
    is_name = [not pd.isna(cell) and not is_number_like(str(cell)) for cell in column]
    row = int(np.flatnonzero(is_name)[0])
    distinct = column.nunique()
    # Series one below the other, each with its own times, go back in time where the next begins.
    is_sorted = any(table.column(name).is_monotonic_increasing for name in times)
    may_name_series = 1 < distinct <= len(column) / 2 and not is_sorted
    remedy = f"--target {shlex.join(numbers)}" if len(numbers) <= 8 else "--target"
    if may_name_series:
        value = shlex.quote(choose_value(numbers))
        remedy += f"; or if the column names series, pass --id {shlex.quote(texts[0])} "
        remedy += f"--value {value}"
    raise InputError(
        f"{table.describe_position(row)}, column {texts[0]!r}: {str(column.iloc[row])[:60]!r} is "
        f"not a number. Choose the columns to forecast with {remedy}."
    )


def _check_numbers_of_series(table: RawTable, times: Sequence[str], names: Sequence[str]) -> None:
    """Reject whole numbers that look like the numbers of series, such as 1, 1, 2, 2."""
    for name in names:
        column = table.column(name)
        codes, distinct = pd.factorize(column.to_numpy())
        if not 1 < len(distinct) <= len(codes) / MIN_REPEATS:
            continue
        if not (has_strong_id_name(name) or _is_arranged(codes, len(distinct))):
            continue
        numbers = [
            other
            for other in table.names
            if other not in (*times, name) and is_numeric_dtype(table.column(other))
        ]
        if not numbers:
            continue
        shown = ", ".join(f"{number:g}" for number in distinct[:3])
        raise InputError(
            f"{table.name}: column {name!r} repeats the numbers {shown}, which may name series. "
            f"Pass --id {shlex.quote(name)} --value {shlex.quote(choose_value(numbers))} if they "
            f"do, or choose the columns to forecast with --target {shlex.join(numbers[:8])}."
        )


def _is_arranged(codes: np.ndarray, count: int) -> bool:
    """Return whether equal numbers are all adjacent, or all numbers follow in turn."""
    are_blocks = int((np.diff(codes) != 0).sum()) == count - 1
    return are_blocks or bool((codes[count:] == codes[:-count]).all())
