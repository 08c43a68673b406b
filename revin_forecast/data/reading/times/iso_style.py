"""Style of times in ISO 8601, which a forecast repeats."""

import csv
import io
import re
from collections.abc import Sequence
from itertools import islice

import pandas as pd

from revin_forecast.data.format_timestamps import ISO_PARTS
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.times.guess_time_forms import refine_form
from revin_forecast.data.reading.times.timestamps import are_same_times, parse_form
from revin_forecast.data.time_forms import ISO_FORM

STYLE_CHARACTERS = 2**16
"""Part of a file in which the first times are looked for, whose style is repeated."""
STYLE_ROWS = 20


def list_cells(head: pd.Series) -> list[str]:
    """Return the cells of text that are not empty, without spaces at their ends."""
    return [cell.strip() for cell in head if isinstance(cell, str) and cell.strip()]


def find_written_iso(table: RawTable, name: str, cells: Sequence[str], forms: Sequence[str]) -> str:
    """Return ISO 8601 in the style of the cells, or a form that reads the same and is the style."""
    if not cells or ISO_PARTS.fullmatch(cells[0]):
        return find_iso_style(cells)
    stamps = parse_form(table, name, ISO_FORM)
    for form in forms[1:]:
        # Mixed styles, such as 2024/12/31 and 2024-12-31, are all ISO 8601 for pandas.
        if are_same_times(parse_form(table, name, form), stamps):
            return refine_form(form, cells)
    return ISO_FORM


def find_iso_style(cells: Sequence[str]) -> str:
    """Return ISO 8601 with an example of the cells' style, if it is not the one of pandas.

    >>> find_iso_style(["2024-01-01T00:00Z"])
    'ISO 8601 like 2024-12-31T23:00Z'
    """
    styles = set()
    for cell in cells:
        parts = ISO_PARTS.fullmatch(cell)
        if parts is None:
            return ISO_FORM
        offset = re.sub(r"\d", "0", parts["offset"] or "").replace("-", "+")
        fraction = re.sub(r"\d", "0", parts["fraction"] or "")
        styles.add(
            (
                len(parts["date"]),
                parts["gap"],
                bool(parts["minutes"]),
                bool(parts["seconds"]),
                fraction,
                offset,
            )
        )
    if len(styles) != 1:
        return ISO_FORM
    length, gap, minutes, seconds, fraction, offset = styles.pop()
    is_usual = length == 10 and gap in (None, " ") and (seconds or not gap)
    if is_usual and offset in ("", "+00:00"):
        return ISO_FORM
    clock = f"{gap}23{':00' if minutes else ''}{':00' if seconds else ''}{fraction}" if gap else ""
    return f"{ISO_FORM} like {'2024-12-31'[:length]}{clock}{offset}"


def read_first_cells(table: RawTable, name: str) -> list[str]:
    """Return the first cells of a column as the text of the file."""
    if table.source is None:
        return []
    top = table.source.data[:STYLE_CHARACTERS].decode(errors="ignore")
    rows = csv.reader(io.StringIO(top, newline=""), delimiter=table.source.separator)
    names = next((row for row in rows if row), [])
    index = names.index(name) if name in names else len(names)
    cells = [row[index] for row in islice(rows, STYLE_ROWS) if len(row) > index]
    # The last row may be cut off.
    return list_cells(pd.Series(cells[:-1] or cells, dtype=object))
