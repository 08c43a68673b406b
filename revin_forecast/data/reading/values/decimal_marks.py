"""Detection of the decimal mark of columns of text: comma or point."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.reading_options import DecimalMark
from revin_forecast.data.table_format import suggest_format
from revin_forecast.errors import InputError

pc: Any = pyarrow.compute  # its functions are made at run time, so type checkers see none of them
Marks = Mapping[str, DecimalMark] | DecimalMark | None
"""Decimal mark of all columns, or by column; None: unknown."""
DECIMAL_MARKS: tuple[DecimalMark, DecimalMark] = (",", ".")
GROUP_SEPARATORS = "[ '\u2019\u00a0\u202f]"
"""Characters that separate groups of digits and are never a decimal mark."""
SAMPLE_ROWS = 10_000
"""Rows from the top of a column that are searched first; the whole column only if they leave its
mark open."""


def _build_unambiguous_pattern(mark: DecimalMark, other: DecimalMark) -> str:
    """Return a pattern that only numbers with this decimal mark match."""
    m, o = re.escape(mark), re.escape(other)
    # A mark before exactly three digits may also group them (1,234). It is certain only after four
    # or more digits, a leading 0 or no digit, with an exponent, or with groups by the other mark.
    return (
        rf"^[+-]?(\d*{m}\d{{1,2}}|\d*{m}\d{{4,}}|(\d{{4,}}|0\d*|){m}\d{{3}}|\d+{m}|"
        rf"\d*{m}\d+[eE][+-]?\d+|[1-9]\d{{0,2}}({o}\d{{3}})+{m}\d*|[1-9]\d{{0,2}}({o}\d{{3}}){{2,}}|"
        rf"[1-9]\d{{0,2}}({GROUP_SEPARATORS}\d{{3}})+{m}\d*)$"
    )


def _build_numeric_pattern(mark: DecimalMark, other: DecimalMark) -> str:
    """Return a pattern of numbers with this decimal mark, with or without groups of digits."""
    m, o = re.escape(mark), re.escape(other)
    grouped = rf"[1-9]\d{{0,2}}(?:({o}\d{{3}})+|({GROUP_SEPARATORS}\d{{3}})+)"
    return rf"^[+-]?((\d+|{grouped})({m}\d*)?|{m}\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity|nan)$"


UNAMBIGUOUS_PATTERNS: dict[DecimalMark, str] = {
    ",": _build_unambiguous_pattern(",", "."),
    ".": _build_unambiguous_pattern(".", ","),
}
NUMERIC_PATTERNS: dict[DecimalMark, str] = {
    ",": _build_numeric_pattern(",", "."),
    ".": _build_numeric_pattern(".", ","),
}


def detect_decimal_marks(
    table: RawTable, texts: Mapping[str, pa.Array], like: Marks = None
) -> dict[str, DecimalMark]:
    """Return the decimal mark of each column of text whose numbers have one.

    Args:
        table: table of the columns, for messages.
        texts: columns of numbers as text; null: unobserved.
        like: marks to use where those of the cells are ambiguous; None: reject the table.

    Raises:
        InputError: a column has both marks, or the meaning of its marks is ambiguous.
    """
    certain = {name: _find_certain_marks(table, name, text) for name, text in texts.items()}
    marks_in_table: set[DecimalMark] = {mark for marks in certain.values() for mark in marks}
    resolved: dict[str, DecimalMark | None] = {
        name: next(iter(marks))
        if marks
        else _resolve_mark(table, name, texts[name], marks_in_table, get_mark(like, name))
        for name, marks in certain.items()
    }
    return {name: mark for name, mark in resolved.items() if mark is not None}


def get_mark(marks: Marks, name: str) -> DecimalMark | None:
    """Return the decimal mark of a column."""
    return marks.get(name) if isinstance(marks, Mapping) else marks


def may_use_commas(texts: Mapping[str, pa.Array]) -> bool:
    """Return whether a cell has a comma, or points that group digits, so that 1.234 is in doubt."""
    doubtful = r",|\.\d{3}\."
    return any(_find_first_match(text, doubtful) is not None for text in texts.values())


def _resolve_mark(
    table: RawTable,
    name: str,
    text: pa.Array,
    marks_in_table: set[DecimalMark],
    like: DecimalMark | None,
) -> DecimalMark | None:
    """Return the mark of a column whose own cells are ambiguous, from the other columns."""
    comma, point = (
        _find_first_match(text, r"^[+-]?[1-9]\d{0,2},\d{3}$"),
        _find_first_match(text, r"^[+-]?[1-9]\d{0,2}\.\d{3}$"),
    )
    # A point is the usual mark, so 1.234 is in doubt only if another column has decimal commas.
    if comma is None and (point is None or "," not in marks_in_table):
        return None if point is None else "."
    if comma is not None and point is None and marks_in_table == {","}:
        return ","
    if like is not None:
        return like
    row = comma if comma is not None else point
    cell = str(text[row])
    remedy = suggest_format('decimal: ","', 'decimal: "."')
    raise InputError(
        f"{table.describe_position(int(row or 0))}, column {name!r}: {cell!r} may be "
        f"{cell.replace(',', '.')} or {re.sub('[.,]', '', cell)}. Choose the decimal mark with "
        f"--decimal ',' or --decimal '.', or pass {remedy}."
    )


def _find_certain_marks(table: RawTable, name: str, text: pa.Array) -> set[DecimalMark]:
    """Return the decimal marks of a column's unambiguous cells."""
    first_rows: dict[DecimalMark, int] = {}
    # The top decides if it has a mark: a later cell that contradicts it is then not a number.
    for part in (text[:SAMPLE_ROWS], text):
        for mark, pattern in UNAMBIGUOUS_PATTERNS.items():
            row = _find_first_match(part, pattern)
            if row is not None:
                first_rows[mark] = row
        if first_rows:
            break
    if len(first_rows) == 2:
        cells = [repr(str(text[row])) for row in sorted(first_rows.values())]
        remedy = suggest_format('decimal: ","', 'decimal: "."')
        raise InputError(
            f"{table.describe_position(max(first_rows.values()))}, column {name!r}: {cells[1]} and "
            f"{cells[0]} above it have different decimal marks. Write them alike, or choose the "
            f"mark with --decimal, or pass {remedy}."
        )
    return set(first_rows)


def _find_first_match(text: pa.Array, pattern: str) -> int | None:
    """Return the first row that matches a pattern."""
    matches = np.asarray(pc.fill_null(pc.match_substring_regex(text, pattern), False))
    return int(matches.argmax()) if matches.any() else None
