"""Which mark stands before the decimals of each column: a point or a comma.

The rule, cell by cell: of two marks the last is the decimal one; a mark that comes twice groups; a
single mark is the decimal one unless exactly three digits follow one to three that begin with no 0.
What that leaves open is settled by the column's other cells, for a comma by those of other columns
too, and is refused otherwise.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute

from revin_forecast.data.table import RawTable
from revin_forecast.errors import InputError

DecimalMark = Literal[",", "."]
DECIMAL_MARKS: tuple[DecimalMark, DecimalMark] = (",", ".")
GROUP_SEPARATORS = "[ '\u2019\u00a0\u202f]"
"""Signs that group digits and are never a decimal mark."""
pc: Any = pyarrow.compute  # made at run time, so type checkers see nothing in it
SAMPLE_ROWS = 10_000

"""Rows from the top by which a long column is told, if they tell."""


def _unambiguous_pattern(mark: DecimalMark, other: DecimalMark) -> str:
    """Return what only numbers with this decimal mark look like."""
    m, o = re.escape(mark), re.escape(other)
    return (
        rf"^[+-]?(\d*{m}\d{{1,2}}|\d*{m}\d{{4,}}|(\d{{4,}}|0\d*|){m}\d{{3}}|\d+{m}|"
        rf"\d*{m}\d+[eE][+-]?\d+|[1-9]\d{{0,2}}({o}\d{{3}})+{m}\d*|[1-9]\d{{0,2}}({o}\d{{3}}){{2,}}|"
        rf"[1-9]\d{{0,2}}({GROUP_SEPARATORS}\d{{3}})+{m}\d*)$"
    )


def _numeric_pattern(mark: DecimalMark, other: DecimalMark) -> str:
    """Return what numbers with this decimal mark look like, with or without groups of digits."""
    m, o = re.escape(mark), re.escape(other)
    grouped = rf"[1-9]\d{{0,2}}(?:({o}\d{{3}})+|({GROUP_SEPARATORS}\d{{3}})+)"
    return rf"^[+-]?((\d+|{grouped})({m}\d*)?|{m}\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity|nan)$"


UNAMBIGUOUS_PATTERNS: dict[DecimalMark, str] = {",": _unambiguous_pattern(",", "."), ".": _unambiguous_pattern(".", ",")}
NUMERIC_PATTERNS: dict[DecimalMark, str] = {",": _numeric_pattern(",", "."), ".": _numeric_pattern(".", ",")}


def detect_decimal_marks(table: RawTable, texts: Mapping[str, pa.Array]) -> dict[str, DecimalMark]:
    """Return the decimal mark of each column of text.

    Args:
        table: that the columns are from, for messages.
        texts: columns of numbers as they are written; null: not observed.

    Raises:
        InputError: a column has both marks, or it is open what its marks mean.
    """
    shown = {name: _certain_marks(table, name, text) for name, text in texts.items()}
    anywhere: set[DecimalMark] = {mark for own in shown.values() for mark in own}
    return {
        name: next(iter(own)) if own else _resolve_mark(table, name, texts[name], anywhere)
        for name, own in shown.items()
    }


def may_use_commas(texts: Mapping[str, pa.Array]) -> bool:
    """Return whether some cell has a comma, or points that group: then points are doubtful too."""
    doubtful = r",|\.\d{3}\."
    return any(_first_match(text, doubtful) is not None for text in texts.values())


def _resolve_mark(table: RawTable, name: str, text: pa.Array, anywhere: set[DecimalMark]) -> DecimalMark:
    """Return the mark of a column whose own cells leave it open."""
    comma, point = (
        _first_match(text, r"^[+-]?[1-9]\d{0,2},\d{3}$"),
        _first_match(text, r"^[+-]?[1-9]\d{0,2}\.\d{3}$"),
    )
    if comma is None and (point is None or "," not in anywhere):
        return "."
    if comma is not None and point is None and anywhere == {","}:
        return ","
    row = comma if comma is not None else point
    cell = str(text[row])
    raise InputError(
        f"{table.describe_position(int(row or 0))}, column {name!r}: {cell!r} may be "
        f"{cell.replace(',', '.')} or {re.sub('[.,]', '', cell)}. Say which mark stands before the "
        "decimals with --decimal , or --decimal ."
    )


def _certain_marks(table: RawTable, name: str, text: pa.Array) -> set[DecimalMark]:
    """Return the decimal marks that some cell of a column shows beyond doubt."""
    found: dict[DecimalMark, int] = {}
    # Of a long column the top, if that tells: a cell further down that contradicts is no number.
    for part in (text[:SAMPLE_ROWS], text):
        for mark, pattern in UNAMBIGUOUS_PATTERNS.items():
            row = _first_match(part, pattern)
            if row is not None:
                found[mark] = row
        if found:
            break
    if len(found) == 2:
        cells = [repr(str(text[row])) for row in sorted(found.values())]
        raise InputError(
            f"{table.describe_position(max(found.values()))}, column {name!r}: {cells[1]} and {cells[0]} above "
            "it do not have the same mark before the decimals. Write them alike, or say which it "
            "is with --decimal."
        )
    return set(found)


def _first_match(text: pa.Array, pattern: str) -> int | None:
    """Return the first row that matches a pattern."""
    found = np.asarray(pc.fill_null(pc.match_substring_regex(text, pattern), False))
    return int(found.argmax()) if found.any() else None
