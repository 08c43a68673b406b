"""Reading of Excel workbooks (.xlsx, .xlsm): the sheet with a table, and the table in it."""

import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from revin_forecast.data.formatting import format_names
from revin_forecast.data.reading.files.file_table import FileTable
from revin_forecast.data.reading.files.sheet_table import Sheet, SheetRow, clean_row, extract_table
from revin_forecast.data.reading.files.source import FileContent
from revin_forecast.data.reading.files.streams import check_size
from revin_forecast.data.reading.text.header_rows import Header, classify_cell, find_header
from revin_forecast.errors import InputError, did_you_mean, format_install_command

TOP_ROWS = 60
"""Rows by which a sheet is recognized as one with a table."""
FORMULA = re.compile(rb"<f[ >/]")
MAX_XML_BYTES_PER_TEXT_BYTE = 4
"""Size of a workbook's XML relative to its cells as text."""


@dataclass(frozen=True, eq=False)
class _SheetTop:
    """The first rows of a sheet, by which it is chosen."""

    title: str
    rows: Sequence[SheetRow]
    header: Header | None

    @property
    def has_series(self) -> bool:
        """Whether there is a table with times."""
        if self.header is None:
            return False
        body = self.rows[self.header.row + 1 :]
        return any(classify_cell(cell) == "time" for row in body for cell in row.cells)

    @property
    def names(self) -> tuple[Any, ...]:
        """Cells of the header."""
        return () if self.header is None else tuple(self.rows[self.header.row].cells)


def read_excel(content: FileContent, header: int | None = None) -> FileTable:
    """Read the sheet that `content.part` names, or the first one with a table of times.

    Formula cells have the values that were stored with them, error cells are missing.

    Args:
        content: content of the workbook.
        header: row of the sheet that names the columns; None: find it.

    Raises:
        InputError: openpyxl is not installed, the workbook is damaged, a sheet does not exist or
            has no table, several sheets have the same columns, or a formula has no stored value.
    """
    with _open_workbook(content) as workbook:
        title, note = _choose_sheet(workbook, content, header)
        rows = list(_iter_rows(workbook[title]))
    sheet = Sheet(f"{content.name}, sheet {title!r}", rows)
    table = extract_table(sheet, header)
    width = max((len(row.cells) for row in rows), default=0)
    if any(len(row.cells) < width or None in row.cells for row in rows) and _has_formulas(content):
        with _open_workbook(content, has_formulas=True) as workbook:
            _check_stored_values(sheet, _iter_rows(workbook[title]))
    if note is not None:
        table = FileTable(table.frame, table.name, table.row_numbers, "row", (note, *table.notes))
    return table


@contextmanager
def _open_workbook(content: FileContent, has_formulas: bool = False) -> Iterator[Any]:
    """Open a workbook for reading row by row: as a whole it takes fifty times the file's size."""
    try:
        import openpyxl
    except ImportError as error:
        raise InputError(
            f"{content.name} is an Excel workbook, which needs openpyxl: "
            f"{format_install_command('excel')}. Or export the sheet as CSV UTF-8."
        ) from error
    with zipfile.ZipFile(io.BytesIO(content.data)) as archive:
        size = sum(member.file_size for member in archive.infolist())
    check_size(size // MAX_XML_BYTES_PER_TEXT_BYTE, f"{content.name}, decompressed,")
    try:
        with warnings.catch_warnings():
            # It warns about styles, validations and drawings, which have no cells.
            warnings.simplefilter("ignore")
            file = io.BytesIO(content.data)
            workbook = openpyxl.load_workbook(file, read_only=True, data_only=not has_formulas)
            try:
                yield workbook
            finally:
                workbook.close()
    except (InputError, MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # openpyxl raises any error of its parsers for a damaged workbook
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise InputError(
            f"{content.name} is not a readable Excel workbook: {reason}. Save it again."
        ) from error


def _choose_sheet(
    workbook: Any, content: FileContent, header: int | None
) -> tuple[str, str | None]:
    """Return the title of the sheet to read, and a note if others have tables too."""
    titles = [sheet.title for sheet in workbook.worksheets]
    if content.part is not None:
        if content.part in titles:
            return content.part, None
        raise InputError(
            f"{content.name} has no sheet {content.part!r} but {format_names(titles)}."
            f"{did_you_mean(content.part, titles)} Correct the name after ::."
        )
    visible = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    tops = [_read_top(sheet) for sheet in visible]
    filled = [top for top in tops if top.rows]
    if not filled:
        raise InputError(f"{content.name} has no cells in a visible sheet; name another file.")
    tables = [top for top in filled if top.has_series]
    if len(tables) < 2 or header is not None:
        title = (tables or [top for top in filled if top.header] or filled)[0].title
        return title, _describe_choice(content, title, [top.title for top in filled])
    chosen, *others = tables
    alike = [chosen.title, *(top.title for top in others if top.names == chosen.names)]
    if len(alike) > 1:
        raise InputError(
            f"{content.name} has {len(alike)} sheets with the same columns, {format_names(alike)}. "
            f"Name one, as in '{content.name}::{alike[0]}', or put all rows into one sheet."
        )
    names = format_names([top.title for top in others])
    note = (
        f"{content.name}, sheet {chosen.title!r} was read; {names} have tables too, see "
        f"'{content.name}::{others[0].title}'."
    )
    return chosen.title, note if len(others) > 1 else note.replace("have tables", "has a table")


def _describe_choice(content: FileContent, title: str, titles: Sequence[str]) -> str | None:
    """Return a note on the sheet that was read; None for the only one."""
    others = [other for other in titles if other != title]
    return (
        f"{content.name}, sheet {title!r} was read, not {format_names(others)}." if others else None
    )


def _read_top(sheet: Any) -> _SheetTop:
    rows = list(islice(_iter_rows(sheet), TOP_ROWS))
    width = max((len(row.cells) for row in rows), default=0)
    rows = [row.pad(width) for row in rows]
    return _SheetTop(sheet.title, rows, find_header([row.cells for row in rows]))


def _iter_rows(sheet: Any) -> Iterator[SheetRow]:
    """Yield the rows that are not empty."""
    sheet.reset_dimensions()  # programs write wrong ones
    for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        if any(cell is not None for cell in cells):
            row = clean_row(number, cells)
            if row.cells:
                yield row


def _has_formulas(content: FileContent) -> bool:
    """Return whether a sheet of the workbook has a formula; much faster than parsing it."""
    with zipfile.ZipFile(io.BytesIO(content.data)) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                with archive.open(name) as file:
                    while block := file.read(2**20):
                        if FORMULA.search(block):
                            return True
    return False


def _check_stored_values(sheet: Sheet, formulas: Iterator[SheetRow]) -> None:
    """Reject a sheet of which no formula has a stored value.

    A stored value may be an empty text, so a formula without one proves nothing if another has one.

    Raises:
        InputError: a program wrote the workbook, and no spreadsheet program has computed it.
    """
    values = {row.number: row.cells for row in sheet.rows}
    first = None
    for row in formulas:
        for index, cell in enumerate(row.cells):
            is_formula = isinstance(cell, str) and cell.startswith("=")
            if not is_formula and type(cell).__name__ not in ("ArrayFormula", "DataTableFormula"):
                continue
            stored = values.get(row.number, ())
            if index < len(stored) and stored[index] is not None:
                return
            first = first or (row.number, index)
    if first is not None:
        from openpyxl.utils import get_column_letter

        raise InputError(
            f"{sheet.name}, row {first[0]}, column {get_column_letter(first[1] + 1)} is a formula "
            "without a stored value: a program wrote the workbook without computing it. Open and "
            "save it in a spreadsheet program, or export the sheet as CSV UTF-8."
        )
