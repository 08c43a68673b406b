"""`read_top`: the first rows of delimited text, its separator, and the row of its header."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from revin_forecast.data.reading.text.header_rows import Header, find_header
from revin_forecast.data.table_format import SEPARATOR_NAMES, suggest_format
from revin_forecast.errors import InputError

SEPARATORS = (",", ";", "\t", "|")
SEPARATOR_WORDS = {"\t": "tab"}
"""How a format file may write a separator that can't be seen."""
SNIFF_ROWS = 50
"""Rows from the top of a file by which its separator is detected."""
MAX_TOP_ROWS = 500
"""Rows that are looked through where the first ones have no header."""
SNIFF_CHARACTERS = 2**20
"""Largest part of a file in which these rows are looked for."""


@dataclass(frozen=True, eq=False)
class TableTop:
    """The first rows of a text."""

    separator: str
    rows: Sequence[Sequence[str]]
    """Cells of the rows that are not blank."""
    lines: Sequence[int]
    """Line on which each row begins, from 1."""
    header: Header | None = None
    """Row of the names; None: not certain."""


def read_top(data: bytes, name: str, separator: str | None, like: str | None) -> TableTop:
    """Read the first rows, and find the separator and the header.

    Args:
        data: UTF-8 text.
        name: name of the file, for messages.
        separator: the separator; None: detect it.
        like: separator to use where it is ambiguous.

    Raises:
        InputError: several separators fit.
    """
    text = data[:SNIFF_CHARACTERS].decode(errors="ignore")
    candidates = [separator] if separator else filter(None, [*SEPARATORS, like])
    tops = {mark: _split_rows(text, mark, SNIFF_ROWS) for mark in dict.fromkeys(candidates)}
    likely = _find_regular(tops)
    if likely:
        chosen = tops[_choose(likely, name, like)]
        return _add_header(chosen)
    # Titles and comments have fewer cells than the table below them.
    certain = _find_certain(tops.values())
    if not certain and any(len(top.rows) == SNIFF_ROWS for top in tops.values()):
        longer = [_split_rows(text, mark, MAX_TOP_ROWS) for mark in tops]
        certain = _find_certain(longer)
    if certain:
        return certain[_choose(list(certain), name, like)]
    # No separator fits: take the one that is most frequent in the header, so that the message
    # about rows of unequal length names their line.
    return max(tops.values(), key=lambda top: len(top.rows[0]) if top.rows else 0)


def _add_header(top: TableTop) -> TableTop:
    return TableTop(top.separator, top.rows, top.lines, find_header(top.rows))


def _find_certain(tops: Iterable[TableTop]) -> dict[str, TableTop]:
    """Return those whose header is certain, by separator."""
    found = [_add_header(top) for top in tops]
    return {top.separator: top for top in found if top.header is not None}


def _find_regular(tops: Mapping[str, TableTop]) -> list[str]:
    """Return the separators that split all rows into equally many cells."""
    likely = []
    for separator, top in tops.items():
        counts = {len(row) for row in top.rows}
        if len(counts) == 1 and counts != {1}:
            likely.append(separator)
    if len(likely) < 2:
        return likely
    # A separator inside quotes does not separate.
    balanced = [
        separator
        for separator in likely
        if all(cell.count('"') % 2 == 0 for cell in tops[separator].rows[0])
    ]
    return balanced or likely


def _choose(likely: Sequence[str], name: str, like: str | None) -> str:
    """Return the separator if there is one, or else the usual one.

    Raises:
        InputError: there are several.
    """
    if like in likely:
        return str(like)
    if len(likely) > 1:
        names = " or ".join(SEPARATOR_NAMES[separator] for separator in likely)
        lines = (f'separator: "{SEPARATOR_WORDS.get(mark, mark)}"' for mark in likely)
        raise InputError(
            f"{name}: the columns may be separated by {names}. Quote the names and cells that "
            "contain the other character, put a line such as sep=; at the top of the file, or pass "
            f"{suggest_format(*lines)}."
        )
    return likely[0]


def _split_rows(text: str, separator: str, limit: int) -> TableTop:
    """Return the first rows that are not blank, without a last row that is cut."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows: list[list[str]] = []
    lines: list[int] = []
    while len(rows) < limit:
        line = reader.line_num + 1
        cells = next(reader, None)
        if cells is None:
            break
        if cells:
            rows.append(cells)
            lines.append(line)
    # Decoding drops at most three bytes of a character that is cut.
    is_cut = len(rows) < limit and len(text) >= SNIFF_CHARACTERS - 4 and len(rows) > 1
    return (
        TableTop(separator, rows[:-1], lines[:-1]) if is_cut else TableTop(separator, rows, lines)
    )
