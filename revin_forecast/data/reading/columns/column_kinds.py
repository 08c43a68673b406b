"""Kinds of a table's columns by name and content: texts, numbers of series, row numbers, values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import (
    is_bool_dtype,
    is_complex_dtype,
    is_datetime64_any_dtype,
    is_numeric_dtype,
    is_timedelta64_dtype,
)

from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.text.delimited import NA_VALUES

ID_WORD = re.compile(
    "store|shop|item|sku|product|article|material|customer|client|account|region|country|county|"
    "city|location|site|branch|outlet|warehouse|plant|depot|station|sensor|device|meter|machine|"
    "department|dept|category|brand|supplier|vendor|merchant|route|facility|hotel|restaurant|"
    "filiale|artikel|kunde|laden|markt|produkt|standort|magasin|produit|pays|tienda|producto|"
    "series|id|uid|gid"
)
"""Words of which the name of a column of series consists."""
ID_ENDING = re.compile("id|nbr|nr|no|num|number|code|key")
"""Words that may follow those."""
STRONG_ENDINGS = ("id", "nbr")
"""Last words that mark a column of series after any other words."""
ROW_NAME = re.compile(r"(index|rows?|row_?(id|num|number)|nr|no|n|obs|#|\s*|unnamed: \d+)")
"""Names of columns that may number the rows."""
UNNAMED = r"\s*|Unnamed: \d+"
"""Pattern of the name of a column without a name; pandas writes the second."""
NUMBER_LIKE = r"\W*(?:[A-Z]{3} ?)?\W*\d[\d\W]*(?:[eE][+-]?\d+)?\W*[^\W\d]{0,3}\W*"
"""Pattern of a number, perhaps with a sign, a currency or a unit."""
SAMPLE_ROWS = 100
"""Cells by which a column of text is found to hold numbers."""


@dataclass(frozen=True)
class ColumnKinds:
    """Columns by kind; times, booleans and row numbers have none."""

    texts: tuple[str, ...]
    """Columns of text."""
    ids: tuple[str, ...]
    """Columns of whole numbers with the name of a column of series."""
    numbers: tuple[str, ...]
    """Other columns of numbers."""
    mixed: tuple[str, ...] = ()
    """Those of the numbers that also have cells of text, such as N/W among numbers of shops."""


def sort_columns(table: RawTable, names: Sequence[str]) -> ColumnKinds:
    """Sort columns by kind."""
    texts: list[str] = []
    ids: list[str] = []
    numbers: list[str] = []
    mixed: list[str] = []
    for name, dtype in zip(names, table.frame.dtypes[list(names)], strict=True):
        is_plain = isinstance(dtype, np.dtype) and dtype.kind in "fiu"
        if is_plain and not (has_id_name(name) or may_number_rows(name)):
            numbers.append(name)  # access to thousands of columns would be slow
            continue
        column = table.column(name)
        if is_numeric_dtype(column):
            if is_bool_dtype(column) or is_complex_dtype(column) or is_row_number(name, column):
                continue
            (ids if has_id_name(name) and is_whole(column) else numbers).append(name)
        elif not is_datetime64_any_dtype(column) and not is_timedelta64_dtype(column):
            cells = _sample_cells(column)
            count = sum(map(is_number_like, cells))
            (texts if cells and count < len(cells) / 2 else numbers).append(name)
            if len(cells) / 2 <= count < len(cells):
                mixed.append(name)
    return ColumnKinds(tuple(texts), tuple(ids), tuple(numbers), tuple(mixed))


def has_id_name(name: str) -> bool:
    """Return whether a column has the name of a column of series: store, item_nbr, StoreID."""
    words = _split_words(name)
    if not words:
        return False
    are_id_words = ID_WORD.fullmatch(words[0]) is not None and all(
        ID_WORD.fullmatch(word) or ID_ENDING.fullmatch(word) for word in words
    )
    return are_id_words or words[-1] in STRONG_ENDINGS


def has_strong_id_name(name: str) -> bool:
    """Return whether the name of a column says that it identifies something: store_id."""
    words = _split_words(name)
    return bool(words) and words[-1] in STRONG_ENDINGS


def _split_words(name: str) -> list[str]:
    # Digits are words too: "shop 1" is a series, not a column of series.
    return [word.lower() for word in re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+|\d+", name)]


def is_whole(column: pd.Series) -> bool:
    """Return whether a column of numbers has whole numbers only, and no gaps."""
    if column.dtype.kind in "iu" and isinstance(column.dtype, np.dtype):
        return True
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    with np.errstate(invalid="ignore"):  # infinities
        return bool((numbers % 1 == 0).all())


def is_constant(column: pd.Series) -> bool:
    """Return whether all cells are the same, and none is missing."""
    first = column.iloc[0]
    return not pd.isna(first) and bool((column == first).all())


def may_number_rows(name: str) -> bool:
    """Return whether the name of a column is one of row numbers: index, or none at all."""
    return ROW_NAME.fullmatch(name.strip().lower()) is not None


def is_row_number(name: str, column: pd.Series) -> bool:
    """Return whether a column numbers the rows, by its name and its whole numbers."""
    is_numbering = may_number_rows(name)
    if len(column) < 2 or not (is_numbering or has_strong_id_name(name)):
        return False
    if not is_numeric_dtype(column) or is_bool_dtype(column) or not is_whole(column):
        return False
    steps = np.diff(column.to_numpy(dtype=np.float64))
    if is_numbering:
        return bool((steps == 1).all()) and column.iloc[0] in (0, 1)
    return bool((steps > 0).all() or (steps < 0).all())  # an id of each row


def _sample_cells(column: pd.Series) -> list[str]:
    """Return cells from the top and from all parts of a column, without missing ones."""
    step = max(1, len(column) // SAMPLE_ROWS)
    # The first rows alone may all be missing, with a word of their own (n.a.).
    sample = pd.concat([column.iloc[:SAMPLE_ROWS], column.iloc[::step]])
    cells = (str(cell).strip() for cell in sample if not pd.isna(cell))
    return [cell for cell in cells if cell not in NA_VALUES]


def is_number_like(cell: str) -> bool:
    """Return whether a cell of text may be meant as a number."""
    return re.fullmatch(NUMBER_LIKE, cell.strip()) is not None
