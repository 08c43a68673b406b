"""Writing of a forecast as a sheet of Excel: real dates, numbers, and a header that stays."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.data.style_table import FLOAT_FORMAT, style_times
from revin_forecast.data.table_format import TableFormat
from revin_forecast.data.time_forms import is_iso_form, split_language
from revin_forecast.errors import InputError

SHEET_NAME = "forecast"
MIN_DATE = pd.Timestamp("1900-03-01")
"""First day that all versions of Excel count alike."""
MAX_WIDTH = 60
"""Largest width of a column, in characters."""
WIDTH_ROWS = 1000
"""Rows from the top that decide the width of a column."""
EXCEL_DIRECTIVES = {
    "%Y": "yyyy",
    "%y": "yy",
    "%m": "mm",
    "%-m": "m",
    "%d": "dd",
    "%-d": "d",
    "%H": "hh",
    "%-H": "h",
    "%M": "mm",
    "%S": "ss",
}
"""Directives of a form of times to those of a number format."""


def write_excel(table: pd.DataFrame, path: Path, format: TableFormat) -> list[str]:
    """Write a table as the only sheet of a workbook.

    Times are dates of Excel that show in the form of the table; years, months and other counts are
    numbers, and forms without dates (2024Q1) are text.

    Args:
        table: the table, with timestamps and numbers.
        path: path of the file, of any suffix.
        format: format of the table that it continues.

    Returns:
        Sentences on everything that a sheet can't hold.
    """
    from openpyxl import Workbook

    notes = []
    columns: dict[str, tuple[Sequence[Any], str]] = {}
    for name in table.columns:
        column = pd.Series(table[name])
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            zone = column.dtype.tz
            note = f"sheets of Excel have no time zones: the times are local times of {zone}"
            notes += [] if note in notes else [note]
        columns |= _convert_column(column, format)
    book = Workbook(write_only=True)
    sheet = book.create_sheet(SHEET_NAME)
    try:
        _write_rows(sheet, columns)
        # A file object, since the suffix of the path may be another one.
        with path.open("wb") as file:
            book.save(file)
    except BaseException:
        _discard_sheet(sheet)
        raise
    return notes


def _discard_sheet(sheet: Any) -> None:
    """Close the generators of a sheet that failed, which else print errors when they are freed."""
    for generator in (sheet._rows, getattr(sheet._writer, "xf", None)):
        if generator is not None:
            with suppress(Exception):
                generator.close()


def _convert_column(column: pd.Series, format: TableFormat) -> dict[str, tuple[Sequence[Any], str]]:
    """Return the cells and the number format of a column, or of the columns of its times."""
    if column.dtype.kind == "M" or isinstance(column.dtype, pd.DatetimeTZDtype):
        stamps = pd.DatetimeIndex(column).tz_localize(None)
        pattern = _find_date_pattern(stamps, format)
        if pattern:
            return {str(column.name): (stamps.to_pydatetime().tolist(), pattern)}
        local = pd.Series(stamps, index=column.index).to_frame(column.name)
        styled = style_times(local, format)
        return {
            str(name): (
                cells.astype(str).tolist() if cells.dtype.kind == "M" else cells.tolist(),
                "",
            )
            for name, cells in styled.items()
        }
    if column.dtype.kind == "f":
        numbers = column.to_numpy(np.float64)
        cells = [
            float(FLOAT_FORMAT % number) if np.isfinite(number) else None for number in numbers
        ]
        return {str(column.name): (cells, "")}
    return {str(column.name): (column.tolist(), "")}


def _find_date_pattern(stamps: pd.DatetimeIndex, format: TableFormat) -> str:
    """Return the number format of dates; empty if the times are to be numbers or text."""
    is_early = bool((stamps < MIN_DATE).any())
    # Excel keeps milliseconds.
    if (
        is_early
        or not (stamps == stamps.floor("ms")).all()
        or not isinstance(format.time, str | None)
    ):
        return ""
    form = format.time_form
    if form is None or is_iso_form(form):
        if (stamps == stamps.normalize()).all():
            return "yyyy-mm-dd"
        return (
            "yyyy-mm-dd hh:mm" if (stamps == stamps.floor("min")).all() else "yyyy-mm-dd hh:mm:ss"
        )
    form, _ = split_language(form)
    directives = re.findall(r"%-?.", form)
    if not {"%d", "%-d"} & set(directives) or not set(directives) <= set(EXCEL_DIRECTIVES):
        return ""
    # Eight digits are a number in the table, and stay one.
    if form == "%Y%m%d":
        return ""
    return re.sub(r"%-?.", lambda match: EXCEL_DIRECTIVES[match[0]], form.replace("T", '"T"'))


def _write_rows(sheet: Any, columns: dict[str, tuple[Sequence[Any], str]]) -> None:
    """Write the names in bold and the rows; a sheet that is written row by row needs no memory."""
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    # The properties of a sheet come before its rows.
    sheet.freeze_panes = "A2"
    for index, (name, (cells, pattern)) in enumerate(columns.items(), start=1):
        texts = (pattern or str(cell) for cell in cells[:WIDTH_ROWS])
        width = max([len(name), *map(len, texts)], default=0)
        sheet.column_dimensions[get_column_letter(index)].width = min(width, MAX_WIDTH) + 2
    header = [_make_cell(sheet, name, "@") for name in columns]
    for cell in header:
        cell.font = Font(bold=True)
    sheet.append(header)
    patterns = [pattern for _, pattern in columns.values()]
    for row in zip(*(cells for cells, _ in columns.values()), strict=True):
        sheet.append([_make_cell(sheet, *pair) for pair in zip(row, patterns, strict=True)])


def _make_cell(sheet: Any, value: Any, pattern: str) -> Any:
    """Return a value as a cell, or as such if it needs no format."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.utils.exceptions import IllegalCharacterError

    if not pattern and not isinstance(value, str):
        return value
    try:
        cell = WriteOnlyCell(sheet, value)
    except IllegalCharacterError as error:
        raise InputError(
            f"a sheet of Excel can't hold the control character in {value!r:.60}. Write a .csv."
        ) from error
    if isinstance(value, str):
        cell.data_type = "s"  # a name that begins with = is not a formula
    cell.number_format = pattern or "General"
    return cell
