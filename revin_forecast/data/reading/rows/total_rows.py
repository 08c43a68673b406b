"""Totals below a table, which spreadsheets add and which are not observations."""

import re
from collections.abc import Hashable
from dataclasses import replace

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.text.delimited import NA_VALUES

TOTAL_WORDS = re.compile(
    r"((grand|sub|overall)[ -]?)?totals?( (général|general))?|sub-?sums?|sums?|summen?|"
    r"(gesamt|zwischen|end)-?summen?|(ins)?gesamt|totale|somme|suma|razem|totaal|итого|всего|Σ|"
    r"averages?|means?|durchschnitt|mittelwert|moyenne|media|合计|总计|小计|合計|小計|総計",
    re.IGNORECASE,
)
"""Words in the place of a time or of a series that name a row of totals."""
MAX_TOTAL_ROWS = 5
"""Most rows at the end that are looked at: a sum and a mean, with empty rows between them."""
HEAD_ROWS = 20
"""Rows from the top by which a column of names is distinguished from times."""
SUM_TOLERANCE = 1e-6
"""Relative difference of a total from the sum of the rows above it."""


def is_total_word(cell: object) -> bool:
    """Return whether a cell names a row of totals.

    >>> is_total_word("Grand total:"), is_total_word("Summe"), is_total_word("Totnes")
    (True, True, False)
    """
    return isinstance(cell, str) and bool(TOTAL_WORDS.fullmatch(cell.strip().rstrip(":").strip()))


def drop_total_rows(table: RawTable) -> RawTable:
    """Return a table without the rows of totals at its end, with a note on them.

    Such a row has a word like Total in the place of its time. Or it has this word, as no other row
    does, in another column, and no time, or the sums of the rows above it.

    Args:
        table: the table as it was read.
    """
    frame, stop = table.frame, len(table.frame)
    words: dict[int, tuple[Hashable, str]] = {}
    for row in range(stop - 1, max(0, stop - MAX_TOTAL_ROWS), -1):
        # Only the last rows are looked at, so that other tables cost nothing.
        cells = frame.iloc[row]
        place = next((name for name, cell in cells.items() if is_total_word(cell)), None)
        if place is not None and _is_total(frame, row, place):
            words[row] = place, str(cells[place]).strip()
            stop = row
        elif row == stop - 1 and (cells.isna() | cells.isin(NA_VALUES)).all():
            stop = row
        else:
            break
    if not words:
        return table
    row = min(words)
    column, word = words[row]
    more = "" if len(words) == 1 else f", and {len(words) - 1} more below it"
    table.add_note(
        f"{table.describe_position(row)}: {word!r} in column {column!r} is a row of totals, which "
        f"was left out{more}"
    )
    rest = frame.iloc[:stop]
    if rest[column].astype(str).str.fullmatch(r"\d+").all():
        # Without the word, the reader would have found whole numbers, such as years.
        rest = rest.assign(**{str(column): pd.to_numeric(rest[column])})
    return replace(table, frame=rest, results={})


def _is_total(frame: pd.DataFrame, row: int, place: Hashable) -> bool:
    """Return whether a row with a total's word in a column is one, not a series of that name."""
    above = frame[place].iloc[:row]
    if above.isin([frame[place].iloc[row]]).any():
        return False
    head = above.head(HEAD_ROWS).dropna().astype(str)
    if len(head) and head.str.contains(r"\d|^\s*$").all():
        return True
    cells = frame.iloc[row]
    is_time = [
        is_datetime64_any_dtype(kind) or _is_dated(pd.Series(frame[name]))
        for name, kind in frame.dtypes.items()
    ]
    times = cells[is_time]
    return bool((times.isna() | times.isin(NA_VALUES)).any()) or _are_sums(frame, row)


def _is_dated(column: pd.Series) -> bool:
    """Return whether all first cells of a column of text have digits, as those of times do."""
    head = column.head(HEAD_ROWS)
    return bool(not is_numeric_dtype(column) and head.astype(str).str.contains(r"\d").all())


def _are_sums(frame: pd.DataFrame, row: int) -> bool:
    """Return whether the numbers of a row are the sums of the rows above it."""
    numbers = frame.select_dtypes("number").to_numpy(dtype=np.float64)
    sums, totals = np.nansum(numbers[:row], axis=0), numbers[row]
    is_given = np.isfinite(totals)
    close = np.isclose(sums, totals, rtol=SUM_TOLERANCE, atol=0)
    return bool(is_given.any() and close[is_given].all())
