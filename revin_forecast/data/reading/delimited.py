"""Parsing of delimited text: its separator, its cells and their lines in the file."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa
from pyarrow import csv as arrow_csv

from revin_forecast.data.reading.source import decode_to_utf8
from revin_forecast.errors import InputError

SEPARATORS = (",", ";", "\t", "|")
SEPARATOR_NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
NA_VALUES = ["", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "#N/A", "None"]
DEFAULT_CONVERSION = arrow_csv.ConvertOptions(null_values=NA_VALUES, strings_can_be_null=True)
SNIFF_ROWS = 50
"""Rows from the top of a file by which its separator is detected."""
SNIFF_CHARACTERS = 2**20
"""Largest part of a file in which these rows are looked for."""

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
    """Line of the file on which the text begins."""

    def parse(self, conversion: arrow_csv.ConvertOptions = DEFAULT_CONVERSION) -> pa.Table:
        """Return the columns.

        Raises:
            InputError: there are no rows, or a row and the header differ in the number of cells.
        """
        # Line breaks within cells need quotes. Without quotes, Arrow can parse in parallel.
        quoted = b'"' in self.data
        parsing = arrow_csv.ParseOptions(delimiter=self.separator, newlines_in_values=quoted)
        try:
            with pa.BufferReader(self.data) as stream:
                return arrow_csv.read_csv(stream, parse_options=parsing, convert_options=conversion)
        except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
            raise InputError(self._explain_error(error)) from error

    def parse_as_text(self, names: Sequence[str]) -> pa.Table:
        """Return columns as the text in the file: 007, NA, a time with its zone."""
        types = dict.fromkeys(names, pa.string())
        return self.parse(arrow_csv.ConvertOptions(include_columns=names, column_types=types))

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
        closed = DelimitedText(self.name, self.data + b'\n"', self.separator, self.first_line)
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
            if len(cells) != width == 1 and line == header[0] + 1:
                return (
                    f"{self.name}, line {line} has {len(cells)} cells but line {header[0]} has 1. "
                    "If that is a title, delete it, so that the names of the columns come first."
                )
            if len(cells) != width:
                return (
                    f"{self.name}, line {line} has {len(cells)} cells but the header has {width}. "
                    "Check for a stray or missing separator, or unquoted text with one."
                )
        if "cannot infer" in str(error):
            return f"{self.name} has no rows below its header; there is nothing to learn."
        first = str(error).splitlines()[0][:200]
        return f"{self.name} can't be read as CSV: {first}. Save it again as CSV UTF-8."


def read_delimited(data: bytes, name: str) -> DelimitedText:
    """Decode the bytes of a text file and detect its separator.

    Raises:
        InputError: the file is not text, or its separator is ambiguous.
    """
    data = decode_to_utf8(data, name)
    # A copy of a whole large file to strip it is avoided where its top already has text.
    if not data[: 2**16].strip() and not data.strip():
        raise InputError(f"{name} is empty; it should have a header and rows.")
    declaration = re.match(rb"sep=([^\r\n\w])\r?\n", data)  # a line that Excel writes and reads
    if declaration:
        rows, separator = data[declaration.end() :], declaration[1].decode()
        text = DelimitedText(name, rows, separator, first_line=2)
        if text.separator not in SEPARATORS:
            raise InputError(f"{name}, line 1 names the separator {text.separator!r}; use a comma.")
    else:
        text = DelimitedText(name, data, _detect_separator(data, name))
    text.check_quotes()
    return text


def suggest_separator(header: str) -> str:
    """Return a hint at the separator of a header that was read as a single name."""
    for character, label in ((":", "a colon"), ("^", "^"), ("~", "~"), (" ", "spaces")):
        if character in header.strip():
            return f" The columns seem to be separated by {label}; save the file with commas."
    return ""


def _detect_separator(data: bytes, name: str) -> str:
    """Return the separator that splits the header and the rows below into equally many cells."""
    top = data[:SNIFF_CHARACTERS].decode(errors="ignore")
    cells = {separator: _count_cells_per_row(top, separator) for separator in SEPARATORS}
    likely = [
        separator for separator, counts in cells.items() if len(set(counts)) == 1 and counts[0] > 1
    ]
    if len(likely) > 1:  # a separator inside quotes does not separate
        headers = {
            separator: next(csv.reader(top.splitlines(), delimiter=separator))
            for separator in likely
        }
        balanced = [
            separator
            for separator in likely
            if all(column.count('"') % 2 == 0 for column in headers[separator])
        ]
        likely = balanced or likely
    if len(likely) > 1:
        names = " or ".join(SEPARATOR_NAMES[separator] for separator in likely)
        raise InputError(
            f"{name}: the columns may be separated by {names}. Quote the names and cells that "
            "contain the other character, or put a line such as sep=; at the top of the file."
        )
    # No separator fits: take the one that is most frequent in the header, so that the message
    # about rows of unequal length names their line.
    return likely[0] if likely else max(SEPARATORS, key=lambda separator: cells[separator][0])


def _count_cells_per_row(top: str, separator: str) -> Sequence[int]:
    """Return the number of cells of the header and of each row below, without a cut last row."""
    reader = csv.reader(io.StringIO(top, newline=""), delimiter=separator)
    counts = list(islice((len(cells) for cells in reader if cells), SNIFF_ROWS))
    # Decoding drops at most three bytes of a character that is cut.
    is_cut = len(counts) < SNIFF_ROWS and len(top) >= SNIFF_CHARACTERS - 4 and len(counts) > 1
    return counts[:-1] if is_cut else counts
