"""Conversion of a table's columns to float64."""

import re
from collections.abc import Iterable, Sequence
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

from revin_forecast.data.reading.decimal_marks import (
    DECIMAL_MARKS,
    GROUP_SEPARATORS,
    NUMERIC_PATTERNS,
    detect_decimal_marks,
    may_use_commas,
    pc,
)
from revin_forecast.data.reading.delimited import NA_VALUES
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.reading_options import DecimalMark
from revin_forecast.errors import InputError

ADVICE = "Correct it, leave it empty if it was not measured, or choose the columns with --target."


def parse_numbers(
    table: RawTable, names: Sequence[str], decimal: DecimalMark | None = None
) -> np.ndarray:
    """Return columns as (rows, names) float64; empty cells, NaN and infinities are NaN.

    Args:
        table: the table as it was read.
        names: names of the columns.
        decimal: the decimal mark; None: detect it.

    Raises:
        InputError: a cell is not a number (the message has its line), or the meaning of a comma
            is ambiguous.
    """
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
                values[:, index], texts[name] = _split_numbers_and_text(table, name, column)
    # The text of a column is read again only where the reader's numbers are infinite.
    _check_overflow(table, names, values)
    if decimal == "," or (decimal is None and may_use_commas(texts)):
        # The CSV reader parsed 1.234 as a decimal point; with commas about it may be a thousand.
        floats = [name for name in names if name not in texts and part[name].dtype.kind == "f"]
        texts |= {name: _strip_text(text) for name, text in table.text_columns(floats).items()}
    marks: dict[str, DecimalMark] = (
        detect_decimal_marks(table, texts) if decimal is None else dict.fromkeys(texts, decimal)
    )
    for index, name in enumerate(names):
        if name in texts:
            parsed = _to_floats(table, name, texts[name], marks[name])
            # Numbers among text, in a column of objects, were converted above.
            is_text = ~np.asarray(texts[name].is_null())
            values[is_text, index] = parsed[is_text]
    return values


def _check_dtype(table: RawTable, name: str, column: pd.Series) -> None:
    kinds = (is_datetime64_any_dtype, is_timedelta64_dtype, is_complex_dtype)
    if any(kind(column) for kind in kinds):
        raise InputError(
            f"{table.name}, column {name!r} holds {column.dtype} values like {column.iloc[0]}, not "
            "real numbers. Choose the columns with --target."
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
    if not re.search(r"\d", cell) and len(cell) > 1:
        return " If the column names series, see --id and --value."
    if re.fullmatch(r"[+-]?[\d.,]*\d", cell) and mark == ".":
        return " If the comma is its decimal mark, pass --decimal ,"
    return ""
