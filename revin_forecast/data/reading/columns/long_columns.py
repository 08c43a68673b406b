"""Detection of the series and value columns of a long table."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from revin_forecast.data.formatting import format_columns
from revin_forecast.data.reading.columns.column_kinds import (
    ColumnKinds,
    has_id_name,
    is_whole,
    sort_columns,
)
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.errors import InputError

VALUE_WORDS = (
    "y",
    "value",
    "values",
    "sales",
    "sold",
    "quantity",
    "qty",
    "units",
    "demand",
    "amount",
    "revenue",
    "count",
    "volume",
    "load",
    "consumption",
)
"""Parts of names by which the value column is chosen for a message."""
MAX_CANDIDATES = 8
"""Most columns that are tried as series columns, from the left."""
MAX_KEYS = 3
"""Most columns that may name a series together."""
MIN_REPEATED_SHARE = 0.1
"""Least share of rows with the time of another row in a table that is certainly long."""


@dataclass(frozen=True)
class LongColumns:
    """The columns of a long table as they were found."""

    id: tuple[str, ...]
    """Columns that name the series."""
    value: str
    is_certain: bool
    """Whether no other reading is possible."""
    repeat: tuple[int, int] | None = None
    """Two rows of the same series and time, if there are such."""

    @property
    def flags(self) -> str:
        """The columns as options of a command."""
        return f"--id {shlex.join(self.id)} --value {shlex.quote(self.value)}"


def has_repeats(table: RawTable, times: Sequence[str]) -> bool:
    """Return whether a time of the table occurs twice."""
    if len(times) > 1:
        return bool(table.frame.duplicated(list(times)).any())
    cells = table.column(times[0])
    if cells.dtype.kind == "M" and isinstance(cells.dtype, np.dtype):
        # Much faster than a search for repeats.
        is_ascending = bool((np.diff(cells.to_numpy().view(np.int64)) > 0).all())
        return not is_ascending and not cells.is_unique
    return not cells.is_unique


def find_long_columns(
    table: RawTable,
    times: Sequence[str],
    id: Sequence[str] = (),
    value: str | None = None,
    group: str | None = None,
) -> LongColumns | None:
    """Return the columns of a table that may be long; None: no column names series.

    Args:
        table: the table as it was read.
        times: names of the time columns.
        id: series columns that are known; empty: find them.
        value: value column, if it is known.
        group: column whose groups are tables of their own.
    """
    known = {*times, value, group, *id}
    kinds = sort_columns(table, [name for name in table.names if name not in known])
    base = _number_times(table, times)
    if group is not None:
        base = _combine(base, _number(table, group))
    keys, others, last = tuple(id), [], base
    for name in id:
        last = _combine(last, _number(table, name))
    if not id and group is not None and _count(base) == len(base):
        keys = (group,)
    elif not id:
        keys, others, last = _find_keys(table, base, kinds)
        if not keys and (group is None or not has_repeats(table, times)):
            return None
        # No other column names series, so the groups are the series.
        keys = keys or (str(group),)
    numbers = [value] if value is not None else _list_values(table, base, kinds, (*keys, *others))
    if not numbers:
        return None
    is_certain = len(numbers) == 1 and (bool(id) or (len(keys) == 1 and not others))
    repeated_share = 1 - _count(_number_times(table, times)) / len(base)
    if not id and group is None and value is None:
        is_certain = is_certain and repeated_share >= MIN_REPEATED_SHARE
    return LongColumns(keys, choose_value(numbers), is_certain, _find_repeat(last))


def require_certain(
    table: RawTable, found: LongColumns, may_repeat: bool = False, is_grouped: bool = False
) -> None:
    """Reject columns that were found but leave another reading open.

    Args:
        table: the table as it was read.
        found: its columns.
        may_repeat: whether a series may have several rows of one time, which are combined.
        is_grouped: whether groups of rows are tables of their own.

    Raises:
        InputError: the message has the options that read the table.
    """
    if found.is_certain:
        return
    columns = format_columns(found.id)
    if found.repeat is not None and not may_repeat:
        row, first = found.repeat
        raise InputError(
            f"{table.describe_position(row)}: the row has the time and the names (in {columns}) of "
            f"{table.describe_position(first)}. Keep one row for each series and time."
        )
    verb = "seems" if len(found.id) == 1 else "seem"
    other = "name other columns"
    if may_repeat and not is_grouped:
        other = f"--target {shlex.quote(found.value)} to combine the rows of all"
    raise InputError(
        f"{table.name} has several rows for the same time, where {columns} {verb} to name the "
        f"series and {found.value!r} to hold the values. Pass {found.flags}, or {other}."
    )


def suggest_long_columns(table: RawTable, times: Sequence[str]) -> LongColumns | None:
    """Return columns by which a table with repeated times would be read, for a message.

    In contrast to `find_long_columns`, any column of whole numbers may name the series.
    """
    kinds = sort_columns(table, [name for name in table.names if name not in times])
    whole = [
        name
        for name in kinds.numbers
        if is_numeric_dtype(table.column(name)) and is_whole(table.column(name))
    ]
    candidates = _list_candidates(table, [*kinds.texts, *kinds.ids, *whole])
    keys, _, last = _separate_rows(table, _number_times(table, times), candidates)
    numbers = [name for name in kinds.numbers if name not in keys]
    if not keys or not numbers or _find_repeat(last) is not None:
        return None
    return LongColumns(keys, choose_value(numbers), False)


def _list_candidates(table: RawTable, likely: Sequence[str]) -> list[str]:
    """Return the columns that may name series, since their cells repeat, in the table's order."""
    names = [name for name in table.names if name in likely][:MAX_CANDIDATES]
    return [name for name in names if 1 < _count(_number(table, name)) <= len(table.frame) / 2]


def _find_keys(
    table: RawTable, base: np.ndarray, kinds: ColumnKinds
) -> tuple[tuple[str, ...], list[str], np.ndarray]:
    """Return the columns that name the series, as `_separate_rows` does."""
    likely = [*kinds.texts, *kinds.ids]
    found = _separate_rows(table, base, _list_candidates(table, likely))
    # Names such as 007 and N/W may pass for numbers.
    mixed = [name for name in kinds.mixed if _rank_value(name) == len(VALUE_WORDS)]
    if not mixed or _find_repeat(found[2]) is None:
        return found
    wider = _separate_rows(table, base, _list_candidates(table, [*likely, *mixed]))
    has_values = bool(set(kinds.numbers) - {*wider[0]})
    return wider if has_values and _find_repeat(wider[2]) is None else found


def _separate_rows(
    table: RawTable, base: np.ndarray, candidates: Sequence[str]
) -> tuple[tuple[str, ...], list[str], np.ndarray]:
    """Return the fewest columns in which rows of the same time differ.

    Returns:
        Their names; further columns that differ at the same time; and the number of each row's
        time and names.
    """
    numbered = {name: _combine(base, _number(table, name)) for name in candidates}
    # The day of the week, or the name of a holiday, is the same in all rows of a time.
    separating = [name for name in candidates if _count(numbered[name]) > _count(base)]
    if not separating:
        return (), [], base
    whole = base
    for name in separating:
        whole = _combine(whole, _number(table, name))
    for size in range(1, MAX_KEYS + 1):
        for keys in combinations(separating, size):
            part = numbered[keys[0]]
            for name in keys[1:]:
                part = _combine(part, _number(table, name))
            if _count(part) == _count(whole):
                return keys, [name for name in separating if name not in keys], part
    return tuple(separating), [], whole


def _list_values(
    table: RawTable, base: np.ndarray, kinds: ColumnKinds, names: Sequence[str]
) -> list[str]:
    """Return the columns that may hold the values, which are not among some names."""
    numbers = [name for name in kinds.numbers if name not in names]
    numbers = numbers or [name for name in kinds.ids if name not in names]
    if len(numbers) < 2:
        return numbers
    # Columns that only depend on the time, such as the year, are not values.
    count = _count(base)
    own = [name for name in numbers if _count(_combine(base, _number(table, name))) > count]
    return own or numbers


def choose_value(names: Sequence[str]) -> str:
    """Return the column that most likely holds the values: by its name, or else the first."""
    return min(names, key=_rank_value)


def _rank_value(name: str) -> int:
    """Return a lower number for a name that is more usual for values."""
    words = name.lower().replace("_", " ").split()
    ranks = [VALUE_WORDS.index(word) for word in words if word in VALUE_WORDS]
    return min(ranks, default=len(VALUE_WORDS))


def _find_repeat(numbers: np.ndarray) -> tuple[int, int] | None:
    """Return the first row whose number occurred before, and the row of that."""
    if _count(numbers) == len(numbers):
        return None
    row = int(np.flatnonzero(pd.Series(numbers).duplicated())[0])
    return row, int(np.flatnonzero(numbers == numbers[row])[0])


def _number(table: RawTable, name: str) -> np.ndarray:
    """Return (rows,) the number of each row's cell, in order of appearance."""

    def number() -> np.ndarray:
        # The CSV reader took 007 and 7 for the same number.
        cells = table.text_column(name) if has_id_name(name) else table.column(name)
        return pd.factorize(cells, use_na_sentinel=False)[0]

    return table.remember(("numbered", name), number)


def _number_times(table: RawTable, times: Sequence[str]) -> np.ndarray:
    """Return (rows,) the number of each row's time, which may be in several columns."""
    numbers = _number(table, times[0])
    for name in times[1:]:
        numbers = _combine(numbers, _number(table, name))
    return numbers


def _combine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return (rows,) the number of each row's pair of numbers."""
    return pd.factorize(first * _count(second) + second)[0]


def _count(numbers: np.ndarray) -> int:
    return int(numbers.max(initial=-1)) + 1
