"""`leave_out_remarks`: sources, notes and other prose below the table of a text file."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from revin_forecast.data.reading.text.header_rows import classify_cell
from revin_forecast.data.reading.text.table_top import SEPARATORS

MAX_REMARK_LINES = 20
"""Most lines of remarks below a table."""
MAX_LINES = 3 * MAX_REMARK_LINES
"""Lines at the end by which the number of cells of a row is found."""
MAX_BYTES = 2**15
"""Largest part at the end in which these are looked for."""
MIN_SPLIT_SHARE = 0.25
"""Share of the rows that a separator splits into the same number of cells at least."""
PROSE = re.compile(r"[\W_]{3}|[*#(\[©†‡]|.*\w[:.,]? +\S.*\S", re.DOTALL)
"""Pattern of a remark: a rule or a mark of a footnote at its beginning, or two words."""


@dataclass(frozen=True)
class Remarks:
    """Lines below a table."""

    start: int
    """Position in the text at which they begin."""
    count: int
    """Number of lines from the first to the last one."""


def leave_out_remarks(
    data: bytes, name: str, separator: str | None, first_line: int
) -> tuple[bytes, str | None]:
    """Return the text without the remarks below its table, and a note on them.

    Args:
        data: UTF-8 text.
        name: name of the file.
        separator: separator of the cells; None: unknown.
        first_line: line of the file on which the text begins.
    """
    remarks = find_remarks(data, separator)
    if remarks is None:
        return data, None
    first = first_line + len(re.findall(rb"\r\n|\r|\n", data[: remarks.start]))
    words = (
        f"line {first}: the remark below the table was"
        if remarks.count == 1
        else f"lines {first} to {first + remarks.count - 1}: the remarks below the table were"
    )
    return data[: remarks.start], f"{name}, {words} left out"


def find_remarks(data: bytes, separator: str | None) -> Remarks | None:
    """Return the lines of prose at the end of a text; None: its last line is a row.

    A remark has another number of cells than the rows above it, or text in all of them. Its first
    cell does not occur elsewhere.

    Args:
        data: UTF-8 text.
        separator: separator of the cells; None: unknown.
    """
    offset = max(0, len(data) - MAX_BYTES)
    tail = data[offset:].rstrip()
    starts = [0, *(match.end() for match in re.finditer(rb"\r\n|\r|\n", tail))][-MAX_LINES:]
    lines = [tail[a:b].rstrip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
    # The first line is the header, or may be cut.
    widths = _find_widths(lines[1:], separator)
    if not widths:
        return None
    found = 0
    for count, line in enumerate(reversed(lines[-MAX_REMARK_LINES:]), start=1):
        # Decimal commas split rows evenly too, so a remark is one by each separator.
        is_row = bool(line) and not all(
            _is_remark(line, mark, width, data) for mark, width in widths.items()
        )
        if is_row or count == len(lines):
            break
        found = count if line else found
    return Remarks(offset + starts[-found], found) if found else None


def _find_widths(lines: Sequence[bytes], separator: str | None) -> dict[str, int]:
    """Return the usual number of cells of a row by separator, for those that split most rows."""
    filled = [line for line in lines if line]
    found: dict[str, int] = {}
    for mark in SEPARATORS if separator is None else (separator,):
        widths = Counter(len(_split(line, mark)) for line in filled)
        width, count = next(((w, n) for w, n in widths.most_common() if w > 1), (0, 0))
        if count > max(1, MIN_SPLIT_SHARE * len(filled)):
            found[mark] = width
    return found


def _split(line: bytes, separator: str) -> list[str]:
    return next(csv.reader([line.decode(errors="replace")], delimiter=separator), [])


def _is_remark(line: bytes, separator: str, width: int, data: bytes) -> bool:
    if line.count(b'"') % 2:
        return False  # the end of a cell of several lines
    cells = [cell.strip() for cell in _split(line, separator)]
    is_alone = not any(cells[1:])
    kinds = {classify_cell(cell) for cell in cells[1:]}
    is_row = len(cells) == width and not kinds <= {"text", "empty"}
    if is_row or classify_cell(cells[0]) != "text":
        return False
    text = cells[0] if is_alone else line.decode(errors="replace")
    # The last row of a file that was cut begins with the name of a series.
    return bool(PROSE.match(text)) and data.count(cells[0].encode()) == 1
