"""`find_header`: the row that names the columns, among titles, comments and units around it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any, Literal

CellKind = Literal["empty", "number", "time", "text"]
Row = Sequence[Any]
"""Cells of a row: texts, or values of a spreadsheet."""

NUMBER = re.compile(
    r"(?!\d{1,2}\.\d{1,2}\.\d{2,4}$)"  # a date
    r"[+-]?[$€£¥%]? ?[+-]?(?:\d[\d.,' \u2019\u00a0\u202f]*|[.,]\d+)(?:[eE][+-]?\d+)? ?[%$€£¥]?"
    r"|[+-]?inf"
)
MONTH = (
    r"(?:jan|gen|ene|feb|fev|fév|mar|mär|apr|avr|abr|mai|may|mag|jun|jui|giu|jul|lug|aug|aoû|ago|"
    r"sep|set|oct|okt|ott|out|nov|dec|dez|déc|dic)[^\W\d]{0,8}"
)
TIME = re.compile(
    r"\d{1,4}(?:[-/.:T ]|\. |, ?)\d{1,2}(?!\d).*"  # 2024-01, 31.12.2024, 12:30
    r"|\d{4} ?-?[QWM]\d{1,2}|[QW]\d{1,2}[- /]?\d{4}"  # 2024Q1, 2024-W05, Q1 2005
    rf"|\d{{1,4}}[-. /]{{1,2}}{MONTH}(?:[-., /]{{1,2}}\d{{2,4}}.*)?"  # 3-Jan-2024, 1. Januar 2024
    rf"|{MONTH}[-., /]{{1,2}}(?:\d{{1,2}}, ?)?\d{{2,4}}(?: .*)?",  # Jan-12, January 5, 2024
    re.IGNORECASE,
)
COMMENT = re.compile(r"\s*(?:#|//|%)")
"""Beginning of a line that is a comment in many programs."""
UNIT_OF_TIME = re.compile(
    r"\W*|\W*(?:utc|gmt|cet|local(?: time)?|iso(?: ?8601)?|[ymdhs]+(?:[-/.: t]+[ymdhs]+)+|"
    r"s|sec|seconds?|min|minutes?|h|hours?|d|days?|months?|years?|unit|units|einheit)\W*",
    re.IGNORECASE,
)
"""A cell below the name of the time column in a row of units."""
USUAL_NAMES = {
    *("date", "ds", "time", "timestamp", "datetime", "day", "week", "month", "quarter", "year"),
    *("datum", "zeit", "zeitpunkt", "tag", "monat", "jahr", "fecha", "mes", "dato", "data"),
    *("jour", "mois", "heure", "日期", "日付", "дата"),
}
"""Names by which a row is recognized as that of the names."""
MISSING = {
    "NA",
    "N/A",
    "n/a",
    "NaN",
    "nan",
    "-nan",
    "NULL",
    "null",
    "#N/A",
    "None",
    "-",
    "--",
    "..",
}

MIN_SHARE = 0.8
"""Least share of the cells of a column that have its kind; the others may be damaged."""


@dataclass(frozen=True)
class Header:
    """Positions among the rows that were looked at."""

    row: int
    """Index of the row that names the columns."""
    units: int | None = None
    """Index of a row of units below it."""


def classify_cell(cell: Any) -> CellKind:
    """Return the kind of a cell, by its look: 2024-01 is a time, 1.5 % is a number.

    >>> [classify_cell(cell) for cell in ("", "1,5", "Jan-12", "price")]
    ['empty', 'number', 'time', 'text']
    """
    if cell is None:
        return "empty"
    if not isinstance(cell, str):
        return "number" if isinstance(cell, Number) else "time"
    text = cell.strip()
    if not text or text in MISSING:
        return "empty"
    if text[0].isalpha() and not text[-1].isdigit():  # most names, without a search
        return "text" if text != "inf" else "number"
    if NUMBER.fullmatch(text):
        return "number"
    return "time" if TIME.fullmatch(text) else "text"


def is_data(row: Row) -> bool:
    """Return whether a row has a number or a time."""
    return any(classify_cell(cell) in ("number", "time") for cell in row)


def find_header(rows: Sequence[Row]) -> Header | None:
    """Find the row that names the columns; None if it is not certain.

    It is the last row without numbers and times that is followed by rows of one pattern. A row of
    units between it and these rows is recognized as well.

    Args:
        rows: rows from the top of a table, without empty ones. Those of the table have equally many
            cells.
    """
    if all(is_data(row) for row in rows[1:]):
        widths = {len(row) for row in rows}
        return Header(0) if len(rows) > 1 and len(widths) == 1 and widths != {1} else None
    texts = [index for index, row in enumerate(rows) if not is_data(row)]
    if not texts or texts[-1] + 1 == len(rows):
        return None
    last = texts[-1]
    body = rows[last + 1 :]
    kinds = _find_column_kinds(body)
    if kinds is None:
        return None
    named = last - 1 if last and _is_unit_row(rows[last], rows[last - 1], kinds) else last
    if not _has_names(rows[named], kinds):
        return None
    if any(_has_kinds(row, kinds) for row in rows[:named]):
        return None  # the row of names is repeated within the table
    if any(_has_names(row, kinds) and not _is_title(row, rows[named]) for row in rows[:named]):
        return None
    return Header(named, last if named < last else None)


def _find_column_kinds(body: Sequence[Row]) -> list[CellKind | None] | None:
    """Return the kind of each column, None for a mixed one; None if the rows have no pattern."""
    width = len(body[0])
    if width < 2 or any(len(row) != width for row in body):
        return None
    kinds: list[CellKind | None] = []
    for index in range(width):
        found: Counter[CellKind] = Counter(classify_cell(row[index]) for row in body)
        del found["empty"]
        if not found:
            kinds.append("empty")
            continue
        kind, count = found.most_common(1)[0]
        kinds.append(kind if count >= MIN_SHARE * found.total() else None)
    has_values = "number" in kinds or "time" in kinds
    return kinds if has_values else None


def _has_names(row: Row, kinds: Sequence[CellKind | None]) -> bool:
    """Return whether a row names all columns; the first, an index, may be nameless."""
    if len(row) != len(kinds):
        return False
    found = [classify_cell(cell) for cell in row]
    return all(
        kind == "text" or (kind == "empty" and (index == 0 or kinds[index] == "empty"))
        for index, kind in enumerate(found)
    ) and any(kind == "text" for kind in found)


def _has_kinds(row: Row, kinds: Sequence[CellKind | None]) -> bool:
    """Return whether a row follows the pattern of the table."""
    if len(row) != len(kinds) or not is_data(row):
        return False
    pairs = zip((classify_cell(cell) for cell in row), kinds, strict=True)
    return all(own in ("empty", kind) for own, kind in pairs if kind in ("number", "time"))


def _is_title(row: Row, names: Row) -> bool:
    """Return whether a full row above the names is a comment, or they alone have a usual name."""
    if isinstance(row[0], str) and COMMENT.match(row[0]):
        return True
    return _has_usual_name(names) and not _has_usual_name(row)


def _has_usual_name(row: Row) -> bool:
    return any(str(cell).strip(" #%/").lower() in USUAL_NAMES for cell in row)


def _is_unit_row(row: Row, names: Row, kinds: Sequence[CellKind | None]) -> bool:
    """Return whether a row without data gives units of the columns named above it."""
    if len(row) != len(kinds) or _has_usual_name(row) or not _has_names(names, kinds):
        return False
    is_named = _has_usual_name(names)
    if not is_named and "time" not in kinds:
        return False
    has_unit = False
    for cell, kind in zip(row, kinds, strict=True):
        text = "" if cell is None else str(cell).strip()
        if kind == "time" and not (UNIT_OF_TIME.fullmatch(text) if is_named else text == ""):
            return False
        has_unit |= kind == "number" and classify_cell(cell) == "text"
    return has_unit
