"""Conversion of a table's columns to float64."""

import itertools
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.types import (
    is_complex_dtype,
    is_datetime64_any_dtype,
    is_numeric_dtype,
    is_timedelta64_dtype,
)

from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.reading_options import DecimalMark
from revin_forecast.data.reading.text.delimited import NA_VALUES
from revin_forecast.data.reading.values.decimal_marks import (
    DECIMAL_MARKS,
    GROUP_SEPARATORS,
    NUMERIC_PATTERNS,
    Marks,
    detect_decimal_marks,
    get_mark,
    may_use_commas,
    pc,
)
from revin_forecast.data.reading.values.decorations import strip_decorations
from revin_forecast.errors import InputError

POINT_ROWS = 1000
"""Rows from the top by which numbers that the CSV reader parsed are found to have points."""
ADVICE = "Correct it, leave it empty if it was not measured, or choose the columns with --target."


@dataclass(frozen=True, eq=False)
class NumberColumns:
    """Columns of numbers, some of them as text whose decimal mark is to be found."""

    values: np.ndarray
    """(rows, columns) float64, NaN where the cell is text."""
    texts: Mapping[str, pa.Array]
    """Cells of the columns that have text; null where the cell is a number or missing."""


def detect_decimals(
    table: RawTable, names: Sequence[str], given: Marks = None, like: Marks = None
) -> Marks:
    """Return the decimal mark of columns, or their marks if they differ; None: no cell has one.

    Args:
        table: the table as it was read.
        names: names of the columns.
        given: decimal marks; None: detect them.
        like: marks to use where those of the cells are ambiguous.

    Raises:
        InputError: a cell is not a number (the message has its line), or the meaning of a comma
            is ambiguous.
    """
    if given is not None:
        return given
    columns = _read_columns(table, names, given)
    marks: dict[str, DecimalMark] = detect_decimal_marks(table, columns.texts, like)
    if table.source is not None:
        # The CSV reader parsed the other columns, with decimal points where they are not whole.
        top = np.nan_to_num(columns.values[:POINT_ROWS], posinf=0, neginf=0)
        has_point = (top % 1 != 0).any(axis=0)
        points: dict[str, DecimalMark] = dict.fromkeys(itertools.compress(names, has_point), ".")
        marks = {**points, **marks}
    distinct: set[DecimalMark] = {*marks.values()}
    return marks if len(distinct) > 1 else next(iter(distinct), None)


def parse_numbers(table: RawTable, names: Sequence[str], marks: Marks) -> np.ndarray:
    """Return columns as (rows, names) float64; empty cells, NaN and infinities are NaN.

    Args:
        table: the table as it was read.
        names: names of the columns.
        marks: decimal marks, from `detect_decimals`.

    Raises:
        InputError: a cell is not a number (the message has its line).
    """
    columns = _read_columns(table, names, marks)
    # In most tables all cells are numbers, and the values are a view of the frame.
    values = columns.values if not columns.texts else columns.values.copy()
    for index, name in enumerate(names):
        if name in columns.texts:
            text = columns.texts[name]
            parsed = _to_floats(table, name, text, get_mark(marks, name) or ".")
            # Numbers among text, in a column of objects, were converted above.
            is_text = ~np.asarray(text.is_null())
            values[is_text, index] = parsed[is_text]
    return values


def note_infinities(table: RawTable, names: Sequence[str], values: np.ndarray) -> None:
    """Note the infinite values of a table, which are unobserved for all that follows.

    Args:
        table: the table as it was read.
        names: names of the columns.
        values: (rows, names) the parsed columns.
    """
    infinite = np.isinf(values)
    count = int(infinite.sum())
    if count:
        row, column = (int(index) for index in np.argwhere(infinite)[0])
        more = "" if count == 1 else f", like {count - 1:,} more infinite cells"
        table.add_note(
            f"{table.describe_position(row)}, column {names[column]!r}: {values[row, column]} "
            f"counts as not observed{more}"
        )


def _read_columns(table: RawTable, names: Sequence[str], marks: Marks) -> NumberColumns:
    """Return columns as numbers where their cells leave no doubt, as text elsewhere."""
    columns = table.remember(("numbers", *names), lambda: _split_columns(table, names))
    if table.source is None:
        return columns
    # A selection of columns would take more time than all else here.
    types = dict(zip(table.frame.columns, table.frame.dtypes, strict=True))
    others = [name for name in names if types[name] == np.float64 and name not in columns.texts]
    if marks is not None:
        doubtful = [name for name in others if get_mark(marks, name) == ","]
    else:
        doubtful = others if others and may_use_commas(columns.texts) else []
    if not doubtful:
        return columns
    # The CSV reader parsed 1.234 as a decimal point; with commas about it may be a thousand.
    texts = {name: _strip_text(text) for name, text in table.text_columns(doubtful).items()}
    whole = NumberColumns(columns.values, {**columns.texts, **texts})
    table.results["numbers", *names] = whole
    return whole


def _split_columns(table: RawTable, names: Sequence[str]) -> NumberColumns:
    part = table.frame.loc[:, list(names)]
    texts: dict[str, pa.Array] = {}
    if all(isinstance(kind, np.dtype) and kind.kind in "fiub" for kind in part.dtypes):
        values = part.to_numpy(dtype=np.float64)  # the loop below is slow for thousands of columns
    else:
        values = np.empty(part.shape)
        for index, name in enumerate(names):
            column = table.column(name)
            _check_dtype(table, name, column)
            if is_numeric_dtype(column):
                values[:, index] = column.to_numpy(dtype=np.float64, na_value=np.nan)
            else:
                values[:, index], text = _split_numbers_and_text(table, name, column)
                texts[name] = strip_decorations(table, name, text)
    # The text of a column is read again only where the reader's numbers are infinite.
    _check_overflow(table, names, values)
    return NumberColumns(values, texts)


def _check_dtype(table: RawTable, name: str, column: pd.Series) -> None:
    kinds = (is_datetime64_any_dtype, is_timedelta64_dtype, is_complex_dtype)
    if any(kind(column) for kind in kinds):
        is_time = is_datetime64_any_dtype(column)
        remedy = f"Pass --time {shlex.quote(name)} if it is the time, or c" if is_time else "C"
        raise InputError(
            f"{table.name}, column {name!r} holds {column.dtype} values like {column.iloc[0]}, not "
            f"real numbers. {remedy}hoose the columns with --target."
        )


def _check_overflow(table: RawTable, names: Sequence[str], values: np.ndarray) -> None:
    """Reject numbers too large for float64, which the CSV reader turns into infinity."""
    infinite = np.isinf(values)
    indices = {names[int(index)]: int(index) for index in np.flatnonzero(infinite.any(axis=0))}
    for name, text in table.text_columns(list(indices)).items():
        rows = np.flatnonzero(infinite[:, indices[name]])
        _check_cell_overflow(table, name, rows, text.take(pa.array(rows)).to_pylist())


def _check_cell_overflow(
    table: RawTable, name: str, rows: np.ndarray, cells: Iterable[object]
) -> None:
    """Reject cells that were parsed as infinite but are written in digits."""
    for row, cell in zip(rows, cells, strict=True):
        if re.search(r"\d", str(cell)):
            raise InputError(
                f"{table.describe_position(int(row))}, column {name!r}: {str(cell)[:60]!r} is "
                f"larger than any float64. {ADVICE}"
            )


def _split_numbers_and_text(
    table: RawTable, name: str, column: pd.Series
) -> tuple[np.ndarray, pa.Array]:
    """Return the cells that are numbers, NaN elsewhere, and the cells of text, null elsewhere."""
    numbers = np.full(len(column), np.nan)
    if isinstance(column.dtype, pd.StringDtype):
        return numbers, _strip_text(pa.array(column, pa.large_string()))
    texts: list[str | None] = [None] * len(column)
    for row, cell in enumerate(column):
        if isinstance(cell, str):
            texts[row] = cell
        elif isinstance(cell, Real | Decimal):  # includes True and numbers of NumPy
            try:
                numbers[row] = float(cell)
            except (OverflowError, ValueError) as error:
                raise InputError(
                    f"{table.describe_position(row)}, column {name!r}: {str(cell)[:30]!r}... is "
                    f"larger than any float64. {ADVICE}"
                ) from error
        elif not pd.isna(cell):
            raise InputError(
                f"{table.describe_position(row)}, column {name!r}: {str(cell)[:60]!r} is not a "
                f"number. {ADVICE}"
            )
    return numbers, _strip_text(pa.array(texts, pa.large_string()))


def _strip_text(text: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return text without surrounding white space; null where it means "not observed"."""
    if isinstance(text, pa.ChunkedArray):
        text = text.combine_chunks()
    stripped = pc.utf8_trim_whitespace(text)
    stripped = pc.replace_substring(stripped, "\u2212", "-")  # the typographic minus
    is_missing = pc.is_in(stripped, pa.array(NA_VALUES, stripped.type))
    return pc.if_else(is_missing, pa.scalar(None, stripped.type), stripped)


def _to_floats(table: RawTable, name: str, text: pa.Array, mark: DecimalMark) -> np.ndarray:
    """Return text as float64, NaN where null."""
    other = DECIMAL_MARKS[mark == ","]
    # Arrow's cast is much faster than the patterns below, and nearly every column passes it.
    plain = text if mark == "." else _commas_to_points(text, other)
    if plain is not None:
        try:
            values = np.asarray(pc.cast(plain, pa.float64()), dtype=np.float64)
            if not np.isinf(values).any():
                return values
        except pa.ArrowInvalid:
            pass  # groups of digits, or a cell that is not a number
    valid = pc.fill_null(pc.match_substring_regex(text, NUMERIC_PATTERNS[mark]), True)
    invalid_rows = np.flatnonzero(~np.asarray(valid))
    if len(invalid_rows):
        row = int(invalid_rows[0])
        cell = str(text[row])
        raise InputError(
            f"{table.describe_position(row)}, column {name!r}: {cell[:60]!r} is not a number."
            f"{_suggest_fix(cell, mark)} {ADVICE}"
        )
    digits = pc.replace_substring_regex(text, f"{GROUP_SEPARATORS}|{re.escape(other)}", "")
    digits = pc.replace_substring(digits, mark, ".")
    values = np.asarray(pc.cast(digits, pa.float64()), dtype=np.float64)
    infinite = np.flatnonzero(np.isinf(values))
    _check_cell_overflow(table, name, infinite, text.take(pa.array(infinite)).to_pylist())
    return values


def _commas_to_points(text: pa.Array, other: DecimalMark) -> pa.Array | None:
    """Return decimal commas as points, or None if the text already has points."""
    if pc.any(pc.match_substring(text, other)).as_py():
        return None
    return pc.replace_substring(text, ",", ".")


def _suggest_fix(cell: str, mark: DecimalMark) -> str:
    if re.fullmatch(r"[+-]?[\d.,]+\s*%", cell):
        return " Write it without the percent sign."
    if re.fullmatch(r"[^\w\s]?\s*[+-]?[$€£¥]\s*[\d.,]+|[+-]?[\d.,]+\s*[$€£¥]", cell):
        return " Write it without the currency."
    if re.fullmatch(r"[+-]?[\d.,]+\s*[^\W\d]+.*", cell):
        return " Write it without the unit."
    if re.fullmatch(NUMERIC_PATTERNS[","], cell) and mark == ".":
        return " If the comma is its decimal mark, pass --decimal ','."
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{2,3})+(\.\d+)?", cell):
        return " Write it without the commas."
    return ""
