"""Parsing of delimited text: its separator, its cells and their lines in the file."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import pyarrow as pa
from pyarrow import csv as arrow_csv

from revin_forecast.data.reading.text.encodings import decode_to_utf8
from revin_forecast.data.reading.text.header_rows import classify_cell
from revin_forecast.data.reading.text.table_bottom import leave_out_remarks
from revin_forecast.data.reading.text.table_top import (
    SEPARATORS,
    SNIFF_CHARACTERS,
    SNIFF_ROWS,
    TableTop,
    read_top,
)
from revin_forecast.data.table_format import TableFormat, suggest_format
from revin_forecast.errors import InputError

NA_VALUES = ["", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "#N/A", "None"]
UTC_OFFSET = r"(?:[zZ]|[T :]\d{2}[\d:.,]* ?[+-]\d{2}(?::?\d{2})?)$"
"""Pattern of the end of a time with its offset from UTC."""
MONTH_WITH_POINT = r"(?:0?[1-9]|1[0-2])\.\d{4}"
"""Pattern of a month that looks like a number (01.2012)."""
DOUBTFUL_NUMBER = r"[+-]?[\d.,' \u2019\u00a0\u202f]*(?:,\d|\.\d{3}\.)[\d.,eE+-]*"
"""Pattern of a number with a comma, or with points that group digits."""
PLAIN_NUMBER = r"[+-]?[\d.]+(?:[eE][+-]?\d+)?"
SNIFF_CELLS = 20_000
"""Most cells by which the columns are found that are parsed as text."""

csv.field_size_limit(2**31 - 1)  # the default limit rejects long cells, which are valid


@dataclass(frozen=True, eq=False)
class DelimitedText:
    """Text of a table with a header."""

    name: str
    """Name of the file in messages."""
    data: bytes
    """UTF-8 text."""
    separator: str
    first_line: int = 1
    """Line of the file on which the text begins, which is that of the header."""
    encoding: str = "utf-8"
    """Encoding of the file."""
    notes: tuple[str, ...] = ()
    """Sentences on lines that were left out, and on a guessed encoding."""

    def parse(self, text_columns: Sequence[str] = (), has_commas: bool = False) -> pa.Table:
        """Return the columns, with those as text (007, NA, a time with its zone) whose text counts.

        Args:
            text_columns: names of columns to parse as text, if there are such, in addition to those
                whose first cells show that a conversion would lose something.
            has_commas: whether numbers are known to have decimal commas.

        Raises:
            InputError: there are no rows, or a row and the header differ in the number of cells.
        """
        names = {*text_columns, *self._find_text_columns(has_commas)}
        return self._convert(
            arrow_csv.ConvertOptions(
                null_values=NA_VALUES, column_types=dict.fromkeys(names, pa.string())
            )
        )

    def parse_as_text(self, names: Sequence[str]) -> pa.Table:
        """Return columns as text whose text was found to count after `parse` converted them."""
        types = dict.fromkeys(names, pa.string())
        return self._convert(arrow_csv.ConvertOptions(include_columns=names, column_types=types))

    def _convert(self, conversion: arrow_csv.ConvertOptions) -> pa.Table:
        # Line breaks within cells need quotes. Without quotes, Arrow can parse in parallel.
        quoted = b'"' in self.data
        parsing = arrow_csv.ParseOptions(delimiter=self.separator, newlines_in_values=quoted)
        try:
            with pa.BufferReader(self.data) as stream:
                return arrow_csv.read_csv(stream, parse_options=parsing, convert_options=conversion)
        except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
            raise InputError(self._explain_error(error)) from error

    def _find_text_columns(self, has_commas: bool) -> Iterator[str]:
        """Yield the columns whose first cells show that a conversion would lose something.

        These are times with their offset, months like 01.2012, and numbers like 1.234 in a table in
        which another column has commas.
        """
        top = self.data[:SNIFF_CHARACTERS].decode(errors="ignore")
        records = (
            cells
            for cells in csv.reader(io.StringIO(top, newline=""), delimiter=self.separator)
            if cells
        )
        header = next(records, [])
        count = min(SNIFF_ROWS, max(3, SNIFF_CELLS // max(1, len(header))))
        rows = [row for row in islice(records, count) if len(row) == len(header)]
        columns = [
            [cell for row in rows if (cell := row[index].strip()) not in NA_VALUES]
            for index in range(len(header))
        ]
        has_commas = has_commas or any(
            re.fullmatch(DOUBTFUL_NUMBER, cell)
            for cells in columns
            for cell in cells
            if "," in cell or "." in cell
        )
        for name, cells in zip(header, columns, strict=True):
            is_doubtful = has_commas and any(
                "." in cell and re.fullmatch(PLAIN_NUMBER, cell) for cell in cells
            )
            has_zone = bool(cells) and re.search(UTC_OFFSET, cells[0])
            # Numbers such as 1.2345 are frequent; months are expected in the first column.
            are_months = name == header[0] and all(
                re.fullmatch(MONTH_WITH_POINT, cell) for cell in cells
            )
            if is_doubtful or has_zone or are_months:
                yield name

    def iter_records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line, cells) of the header and of every row, without blank lines."""
        text = io.StringIO(self.data.decode(), newline="")
        # Python's reader counts lines, also those inside quoted cells; Arrow's does not.
        reader = csv.reader(text, delimiter=self.separator)
        for cells in reader:
            if cells:
                yield reader.line_num + self.first_line - 1, cells

    def describe_position(self, row: int) -> str:
        """Return the file and line of a row; rows count from 0, lines from 1."""
        # Looked up only for a message: Arrow reports no lines, and counting them would be slow.
        for line, _ in islice(self.iter_records(), row + 1, None):
            return f"{self.name}, line {line}"
        return self.name

    def check_quotes(self) -> None:
        """Reject text that ends inside a quoted cell, which swallows all rows below it.

        Raises:
            InputError: a quote is never closed.
        """
        if b'"' not in self.data or self.data.count(b'"') % 2 == 0:
            return
        # A further quote closes an open cell. If none is open, it is a record of its own.
        closed = replace(self, data=self.data + b'\n"')
        start = last = self.first_line - 1
        cells: list[str] = []
        for line, cells in closed.iter_records():  # noqa: B007
            start, last = last + 1, line
        if cells != [""]:
            raise InputError(
                f"{self.name}, line {start}: a quote is opened and never closed. Remove it, or "
                "double it if it belongs to the text."
            )

    def _explain_error(self, error: Exception) -> str:
        """Return a message with the file's line for an error of the CSV reader."""
        records = self.iter_records()
        header = next(records, None)
        if header is None:
            return f"{self.name} is empty; it should have a header and rows."
        width = len(header[1])
        for line, cells in records:
            # A title has one cell, and the header below it has more.
            if len(cells) != width == 1:
                return (
                    f"{self.name}, line {line} has {len(cells)} cells but line {header[0]} has 1. "
                    "If that is a title, delete it, so that the names of the columns come first, "
                    f"or pass --skip-rows {line - 1}.{suggest_separator(header[1][0], cells)}"
                )
            if len(cells) != width:
                may_be_names = len(cells) > width and classify_cell(cells[0]) == "text"
                names = f" If line {line} names the columns, pass --skip-rows {line - 1}."
                return (
                    f"{self.name}, line {line} has {len(cells)} cells but the header has {width}. "
                    "Check for a stray or missing separator, or unquoted text with one."
                    f"{names if may_be_names else ''}"
                )
        if "cannot infer" in str(error):
            return f"{self.name} has no rows below its header; there is nothing to learn."
        first = str(error).splitlines()[0][:200]
        return f"{self.name} can't be read as CSV: {first}. Save it again as CSV UTF-8."


def read_delimited(data: bytes, name: str, given: TableFormat, like: TableFormat) -> DelimitedText:
    """Decode the bytes of a text file, and detect its separator and the line of its header.

    Args:
        data: content of the file.
        name: name of the file in messages.
        given: format whose encoding, separator and header are not detected.
        like: format whose encoding and separator are used where those of the file are ambiguous.

    Raises:
        InputError: the file is not text, or its separator is ambiguous.
    """
    data, encoding, note = decode_to_utf8(data, name, given.encoding, like.encoding)
    # A copy of a whole large file to strip it is avoided where its top already has text.
    if not data[: 2**16].strip() and not data.strip():
        raise InputError(f"{name} is empty; it should have a header and rows.")
    declaration = re.match(rb"sep=([^\r\n\w])\r?\n", data)  # a line that Excel writes and reads
    separator, first_line = given.separator, given.header or 1
    if declaration and first_line == 1:
        separator, first_line = separator or declaration[1].decode(), 2
        if separator not in SEPARATORS and separator != given.separator:
            raise InputError(f"{name}, line 1 names the separator {separator!r}; use a comma.")
    data = _skip_lines(data, first_line - 1, name)
    data, remark_note = leave_out_remarks(data, name, separator, first_line)
    top = read_top(data, name, separator, like.separator)
    notes = tuple(filter(None, [note, remark_note]))
    text = DelimitedText(name, data, top.separator, first_line, encoding, notes)
    text = _leave_out_lines(text, top, has_header=given.header is not None)
    text.check_quotes()
    return text


def _leave_out_lines(text: DelimitedText, top: TableTop, has_header: bool) -> DelimitedText:
    """Return the text without the lines above its header and a row of units below it."""
    if top.header is None or (has_header and top.header.row):
        return text
    notes, data, first_line = [], text.data, text.first_line
    skipped = top.lines[top.header.row] - 1
    if top.header.row:
        last = first_line + skipped - 1
        notes.append(
            f"line {first_line}: the line above the names of the columns was left out"
            if skipped == 1
            else f"lines {first_line} to {last}: the lines above the names of the columns were "
            "left out"
        )
    if top.header.units is not None:
        line = top.lines[top.header.units]
        start, end = _find_line_ends(data, line)
        data = data[:start] + data[end:]  # an empty line, so that the others keep their numbers
        number = first_line + line - 1
        notes.append(f"line {number}: the row of units below the names was left out")
    if top.header.row:
        data, first_line = _skip_lines(data, skipped, text.name), first_line + skipped
    notes = [*text.notes, *(f"{text.name}, {note}." for note in notes)]
    return replace(text, data=data, first_line=first_line, notes=tuple(notes))


def _find_line_ends(data: bytes, line: int) -> tuple[int, int]:
    """Return the positions at which a line begins and ends, without its line break."""
    ends = re.finditer(rb"\r\n|\r|\n|\Z", data)
    breaks = list(islice(ends, line))
    return breaks[line - 2].end() if line > 1 else 0, breaks[line - 1].start()


def _skip_lines(data: bytes, count: int, name: str) -> bytes:
    """Return the text without its first lines."""
    if not count:
        return data
    breaks = list(islice(re.finditer(rb"\r\n|\r|\n", data), count))
    if len(breaks) < count:
        raise InputError(
            f"{name} has {len(breaks) + 1} lines, but the names of the columns should be on line "
            f"{count + 1} (--skip-rows, or header in its format). Give the line that names them."
        )
    return data[breaks[-1].end() :]


def suggest_separator(header: str, row: Sequence[str] = ()) -> str:
    """Return a hint at the separator of a header that was read as a single name.

    Args:
        header: the name.
        row: cells of a row that should have the separator too.
    """
    for character, label in ((":", "a colon"), ("^", "^"), ("~", "~"), (" ", "spaces")):
        if character in header.strip() and (not row or character in row[0].strip()):
            remedy = suggest_format(f'separator: "{character}"')
            return (
                f" The columns seem to be separated by {label}; save the file with commas, or pass "
                f"{remedy}."
            )
    return ""
