"""Columns of text into numbers, and what is no number."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
from pandas.api.types import (
    is_complex_dtype,
    is_datetime64_any_dtype,
    is_numeric_dtype,
    is_timedelta64_dtype,
)

from revin_forecast.data.reading.delimited import NA_VALUES
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.errors import InputError

pc: Any = pyarrow.compute  # made at run time, so type checkers see nothing in it
DecimalMark = Literal[",", "."]
DECIMAL_MARKS: tuple[DecimalMark, DecimalMark] = (",", ".")
GROUP_SEPARATORS = "[ '\u2019\u00a0\u202f]"
"""Signs that group digits and are never a decimal mark."""
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


UNAMBIGUOUS_PATTERNS: dict[DecimalMark, str] = {
    ",": _unambiguous_pattern(",", "."),
    ".": _unambiguous_pattern(".", ","),
}
NUMERIC_PATTERNS: dict[DecimalMark, str] = {
    ",": _numeric_pattern(",", "."),
    ".": _numeric_pattern(".", ","),
}


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


def _resolve_mark(
    table: RawTable, name: str, text: pa.Array, anywhere: set[DecimalMark]
) -> DecimalMark:
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


ADVICE = "Correct it, leave it empty if it was not measured, or choose the columns with --target."


def parse_numbers(
    table: RawTable, names: Sequence[str], decimal: DecimalMark | None = None
) -> np.ndarray:
    """Return columns as (rows, names) float64; empty cells, NaN and infinities are NaN.

    Args:
        table: as it was read.
        names: of the columns.
        decimal: the mark before the decimals; None: told by the numbers.

    Raises:
        InputError: a cell that is no number, with its line; or it is open what a comma means.
    """
    part = table.frame.loc[:, list(names)]
    texts: dict[str, pa.Array] = {}
    if all(isinstance(kind, np.dtype) and kind.kind in "fiub" for kind in part.dtypes):
        values = part.to_numpy(dtype=np.float64)  # a column at a time takes long for thousands
    else:
        values = np.empty(part.shape)
        for place, name in enumerate(names):
            column = table.column(name)
            _check_dtype(table, name, column)
            if is_numeric_dtype(column):
                values[:, place] = column.to_numpy(dtype=np.float64, na_value=np.nan)
            else:
                values[:, place], texts[name] = _split_numbers_and_text(table, name, column)
    _check_overflow(table, names, values)
    if decimal == "," or (decimal is None and may_use_commas(texts)):
        # The reader took 1.234 for a point and decimals; that is to be asked now.
        floats = [name for name in names if name not in texts and part[name].dtype.kind == "f"]
        texts |= {name: _strip_text(text) for name, text in table.text_columns(floats).items()}
    marks: dict[str, DecimalMark] = (
        detect_decimal_marks(table, texts) if decimal is None else dict.fromkeys(texts, decimal)
    )
    for place, name in enumerate(names):
        if name in texts:
            found = _to_floats(table, name, texts[name], marks[name])
            written = ~np.asarray(texts[name].is_null())
            values[written, place] = found[written]
    return values


def _check_dtype(table: RawTable, name: str, column: pd.Series) -> None:
    kinds = (is_datetime64_any_dtype, is_timedelta64_dtype, is_complex_dtype)
    if any(kind(column) for kind in kinds):
        raise InputError(
            f"{table.name}, column {name!r} holds {column.dtype} values like {column.iloc[0]}, not "
            "real numbers. Choose the columns with --target."
        )


def _check_overflow(table: RawTable, names: Sequence[str], values: np.ndarray) -> None:
    """Refuse a number that no float64 holds, which the reader makes infinite."""
    infinite = np.isinf(values)
    places = {names[int(place)]: int(place) for place in np.flatnonzero(infinite.any(axis=0))}
    for name, text in table.text_columns(list(places)).items():
        rows = np.flatnonzero(infinite[:, places[name]])
        _check_cell_overflow(table, name, rows, text.take(pa.array(rows)).to_pylist())


def _check_cell_overflow(
    table: RawTable, name: str, rows: np.ndarray, cells: Iterable[object]
) -> None:
    """Refuse cells that came out infinite but are written in digits."""
    for row, cell in zip(rows, cells, strict=True):
        if re.search(r"\d", str(cell)):
            raise InputError(
                f"{table.describe_position(int(row))}, column {name!r}: {str(cell)[:60]!r} is larger than any "
                f"float64. {ADVICE}"
            )


def _split_numbers_and_text(
    table: RawTable, name: str, column: pd.Series
) -> tuple[np.ndarray, pa.Array]:
    """Return numbers that are such already, NaN elsewhere, and what is text, None elsewhere."""
    numbers = np.full(len(column), np.nan)
    if isinstance(column.dtype, pd.StringDtype):
        return numbers, _strip_text(pa.array(column, pa.large_string()))
    texts: list[str | None] = [None] * len(column)
    for row, cell in enumerate(column):
        if isinstance(cell, str):
            texts[row] = cell
        elif isinstance(cell, Real | Decimal):
            try:
                numbers[row] = float(cell)
            except (OverflowError, ValueError) as error:
                raise InputError(
                    f"{table.describe_position(row)}, column {name!r}: {str(cell)[:30]!r}... is larger than "
                    f"any float64. {ADVICE}"
                ) from error
        elif not pd.isna(cell):
            raise InputError(
                f"{table.describe_position(row)}, column {name!r}: {str(cell)[:60]!r} is no number. {ADVICE}"
            )
    return numbers, _strip_text(pa.array(texts, pa.large_string()))


def _strip_text(text: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return text without white space around it; what means "not observed" is null."""
    if isinstance(text, pa.ChunkedArray):
        text = text.combine_chunks()
    bare = pc.utf8_trim_whitespace(text)
    bare = pc.replace_substring(bare, "\u2212", "-")  # the minus that people typeset
    unseen = pc.is_in(bare, pa.array(NA_VALUES, bare.type))
    return pc.if_else(unseen, pa.scalar(None, bare.type), bare)


def _to_floats(table: RawTable, name: str, text: pa.Array, mark: DecimalMark) -> np.ndarray:
    """Return text as float64, NaN where null."""
    other = DECIMAL_MARKS[mark == ","]
    plain = text if mark == "." else _commas_to_points(text, other)
    if plain is not None:
        try:
            values = np.asarray(pc.cast(plain, pa.float64()), dtype=np.float64)
            if not np.isinf(values).any():
                return values
        except pa.ArrowInvalid:
            pass  # groups of digits, or a cell that is no number
    valid = pc.fill_null(pc.match_substring_regex(text, NUMERIC_PATTERNS[mark]), True)
    bad = np.flatnonzero(~np.asarray(valid))
    if len(bad):
        cell = str(text[int(bad[0])])
        raise InputError(
            f"{table.describe_position(int(bad[0]))}, column {name!r}: {cell[:60]!r} is no number."
            f"{_hint(cell, mark)} {ADVICE}"
        )
    bare = pc.replace_substring_regex(text, f"{GROUP_SEPARATORS}|{re.escape(other)}", "")
    bare = pc.replace_substring(bare, mark, ".")
    values = np.asarray(pc.cast(bare, pa.float64()), dtype=np.float64)
    infinite = np.flatnonzero(np.isinf(values))
    _check_cell_overflow(table, name, infinite, text.take(pa.array(infinite)).to_pylist())
    return values


def _commas_to_points(text: pa.Array, other: DecimalMark) -> pa.Array | None:
    """Return decimal commas as points, or None where points stand in the text already."""
    if pc.any(pc.match_substring(text, other)).as_py():
        return None
    return pc.replace_substring(text, ",", ".")


def _hint(cell: str, mark: DecimalMark) -> str:
    if re.fullmatch(r"[+-]?[\d.,]+\s*%", cell):
        return " Write it without the percent sign."
    if re.fullmatch(r"[^\w\s]?\s*[+-]?[$€£¥]\s*[\d.,]+|[+-]?[\d.,]+\s*[$€£¥]", cell):
        return " Write it without the currency."
    if re.fullmatch(r"[+-]?[\d.,]+\s*[^\W\d]+.*", cell):
        return " Write it without the unit."
    if not re.search(r"\d", cell) and len(cell) > 1:
        return " If the column names series, see --id and --value."
    if re.fullmatch(r"[+-]?[\d.,]*\d", cell) and mark == ".":
        return " If its decimals stand after a comma, pass --decimal ,"
    return ""
