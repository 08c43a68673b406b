"""`extract_table`: the table in the cells of a spreadsheet, among titles, units and remarks."""

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from revin_forecast.data.reading.files.file_table import FileTable
from revin_forecast.data.reading.text.header_rows import (
    Header,
    classify_cell,
    find_header,
    is_data,
)
from revin_forecast.errors import InputError

SNIFF_ROWS = 500
"""Rows from the top of a sheet among which the names of the columns are looked for."""
MAX_HEADER_ROWS = 3
"""Most rows over which the names of the columns may be spread, with merged cells."""
ERROR_CELLS = frozenset(
    (
        *("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"),
        *("#GETTING_DATA", "#SPILL!", "#CALC!", "#FIELD!"),
    )
)
TIME_TOLERANCE = datetime.timedelta(milliseconds=5)
"""Error of times that a spreadsheet computed as fractions of a day."""


@dataclass(frozen=True, eq=False)
class SheetRow:
    """A row with cells."""

    number: int
    """Number of the row in the sheet, from 1."""
    cells: Sequence[Any]
    """Cells from the first column on, without empty ones at the end."""
    error: str | None = None
    """First error such as #DIV/0! among the cells, which are empty then."""
    errors: int = 0
    """Number of errors."""

    def pad(self, width: int) -> "SheetRow":
        """Return the row with this number of cells."""
        missing = width - len(self.cells)
        if not missing:
            return self
        cells = [*self.cells, *[None] * missing]
        return SheetRow(self.number, cells, self.error, self.errors)


@dataclass(frozen=True, eq=False)
class Sheet:
    """All rows of a sheet that have cells."""

    name: str
    """Names of file and sheet in messages."""
    rows: Sequence[SheetRow]


def clean_row(number: int, cells: Sequence[Any]) -> SheetRow:
    """Return a row with errors and blank text as empty cells, and times on whole seconds."""
    cleaned: list[Any] = []
    error, errors = None, 0
    for cell in cells:
        if isinstance(cell, str):
            if cell in ERROR_CELLS:
                error, errors, cell = error or cell, errors + 1, None
            elif not cell.strip():
                cell = None
        elif isinstance(cell, datetime.datetime) and cell.microsecond:
            cell = _round_time(cell)
        cleaned.append(cell)
    while cleaned and cleaned[-1] is None:
        cleaned.pop()
    return SheetRow(number, cleaned, error, errors)


def _round_time(stamp: datetime.datetime) -> datetime.datetime:
    second = (stamp + datetime.timedelta(seconds=0.5)).replace(microsecond=0)
    return second if abs(stamp - second) <= TIME_TOLERANCE else stamp


def extract_table(sheet: Sheet, header: int | None = None) -> FileTable:
    """Return the table of a sheet.

    Args:
        sheet: rows of the sheet.
        header: number of the row that names the columns; None: find it.

    Raises:
        InputError: the sheet has no table, or a column has no name.
    """
    if not sheet.rows:
        raise InputError(f"{sheet.name} is empty; it should have a header and rows.")
    width = max(len(row.cells) for row in sheet.rows)
    rows = [row.pad(width) for row in sheet.rows]
    names, start, notes = _find_names(sheet.name, rows, header)
    body, footer_notes = _drop_footer(rows[start:])
    kept = [
        index
        for index, name in enumerate(names)
        if name or any(row.cells[index] is not None for row in body)
    ]
    _check_names(sheet.name, rows[start - 1].number, names, kept)
    errors = [row for row in body if row.errors]
    if errors:
        count = sum(row.errors for row in errors)
        cells = "error cell was" if count == 1 else "error cells were"
        notes.append(f"row {errors[0].number}: {count} {cells} read as missing ({errors[0].error})")
    columns = {index: [row.cells[index] for row in body] for index in kept}
    frame = pd.DataFrame(columns).set_axis([names[index] for index in kept], axis=1)
    sentences = tuple(f"{sheet.name}, {note}." for note in (*notes, *footer_notes))
    return FileTable(frame, sheet.name, [row.number for row in body], notes=sentences)


def _find_names(
    name: str, rows: Sequence[SheetRow], header: int | None
) -> tuple[list[str], int, list[str]]:
    """Return the names of the columns, the index of the row below them, and notes."""
    top = [row.cells for row in rows[:SNIFF_ROWS]]
    if header is not None:
        found = next((index for index, row in enumerate(rows) if row.number == header), None)
        if found is None:
            raise InputError(
                f"{name}, row {header} has no cells, but should name the columns. Give --skip-rows "
                "the number of rows above the names."
            )
        below = find_header(top[found:])
        has_units = below is not None and below.row == 0 and below.units == 1
        return _finish(rows, Header(found, found + 1 if has_units else None), top[found], [])
    certain = find_header(top)
    joined = _join_header_rows(top, [row.number for row in rows[: len(top)]])
    if certain is not None and not _needs_join(top, certain, joined is not None):
        return _finish(rows, certain, top[certain.row], [])
    if joined is not None:
        first, last, cells = joined
        where = f"rows {rows[first].number} to {rows[last].number}"
        note = f"{where}: the names of the columns were joined"
        return _finish(rows, Header(last), cells, [note], first)
    # The first row with several cells, so that a message can name it.
    found = next((i for i, cells in enumerate(top) if _count_cells(cells) > 1), 0)
    return _finish(rows, Header(found), top[found], [])


def _needs_join(top: Sequence[Sequence[Any]], header: Header, can_join: bool) -> bool:
    """Return whether the names of a header need a row above it, or are those of a title row."""
    cells = top[header.row]
    if _count_cells(cells) < 2:
        return True
    names = list(filter(None, _to_names(cells)))
    below = top[header.row + 1 : header.row + 1 + MAX_HEADER_ROWS]
    columns = [i for i in range(len(cells)) if any(row[i] is not None for row in below)]
    is_incomplete = len(set(names)) < len(names) or any(cells[i] is None for i in columns[:1])
    return can_join and is_incomplete and header.row > 0 and _count_cells(top[header.row - 1]) > 1


def _count_cells(cells: Sequence[Any]) -> int:
    return sum(cell is not None for cell in cells)


def _finish(
    rows: Sequence[SheetRow],
    header: Header,
    cells: Sequence[Any],
    notes: list[str],
    first: int | None = None,
) -> tuple[list[str], int, list[str]]:
    """Return names, the index of the first row of the body, and notes on rows left out."""
    first = header.row if first is None else first
    if first:
        last = rows[first - 1].number
        notes.append(
            f"row {last}: the row above the names of the columns was left out"
            if rows[0].number == last
            else f"rows {rows[0].number} to {last}: the rows above the names of the columns were "
            "left out"
        )
    if header.units is not None:
        number = rows[header.units].number
        notes.append(f"row {number}: the row of units below the names was left out")
    return _to_names(cells), 1 + (header.row if header.units is None else header.units), notes


def _to_names(cells: Sequence[Any]) -> list[str]:
    return ["" if cell is None else str(cell).strip() for cell in cells]


def _join_header_rows(
    top: Sequence[Sequence[Any]], numbers: Sequence[int]
) -> tuple[int, int, list[str]] | None:
    """Return the first and last row of a header with merged cells, and its joined names."""
    last = next((index for index, row in enumerate(top) if is_data(row)), 0) - 1
    for first in range(last - 1, max(-1, last - MAX_HEADER_ROWS), -1):
        if first < 0 or numbers[first] + 1 != numbers[first + 1]:
            break
        upper = [_fill_right(row) for row in top[first:last]]
        parts = zip(*upper, top[last], strict=True)
        names = [" ".join(dict.fromkeys(_to_names([c for c in cells if c]))) for cells in parts]
        repeated = max(Counter(filter(None, names)).values(), default=2) > 1
        found = find_header([[name or None for name in names], *top[last + 1 :]])
        if not repeated and found == Header(0):
            return first, last, names
    return None


def _fill_right(cells: Sequence[Any]) -> list[Any]:
    """Return the cells of a row with merged ones repeated, as all but the first are empty."""
    filled: list[Any] = []
    for cell in cells:
        filled.append(filled[-1] if cell is None and filled else cell)
    return filled


def _drop_footer(rows: Sequence[SheetRow]) -> tuple[Sequence[SheetRow], list[str]]:
    """Leave out rows at the end that are one cell of text, such as a source."""
    end = len(rows)
    while end and _is_remark(rows[end - 1].cells):
        end -= 1
    if end in (0, len(rows)):
        return rows, []
    first, last = rows[end].number, rows[-1].number
    if first == last:
        return rows[:end], [f"row {first}: the remark below the table was left out"]
    return rows[:end], [f"rows {first} to {last}: the remarks below the table were left out"]


def _is_remark(cells: Sequence[Any]) -> bool:
    found = [cell for cell in cells if cell is not None]
    return len(cells) > 1 and len(found) == 1 and classify_cell(found[0]) == "text"


def _check_names(name: str, row: int, names: Sequence[str], kept: Sequence[int]) -> None:
    """Reject columns with cells but no name; the first may be an index.

    Raises:
        InputError: there is one.
    """
    for index in kept[1:]:
        if not names[index]:
            from openpyxl.utils import get_column_letter

            raise InputError(
                f"{name}, row {row}: column {get_column_letter(index + 1)} has cells but no name "
                "(a title or merged cells, perhaps). Name it; or if the names are in a row below, "
                "pass the number of rows above them as --skip-rows."
            )
