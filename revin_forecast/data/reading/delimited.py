"""Delimited text: what parts its columns, its cells, and the line each row stands on."""

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
"""Rows from the top by which the separator is told."""

csv.field_size_limit(2**31 - 1)  # a long cell is no error


@dataclass(frozen=True, eq=False)
class DelimitedText:
    """Text of a table with a header."""

    name: str
    """What messages call it."""
    data: bytes
    """UTF-8."""
    separator: str
    first_line: int = 1
    """The line in the file that the text begins on."""

    def parse(self, conversion: arrow_csv.ConvertOptions = DEFAULT_CONVERSION) -> pa.Table:
        """Return the columns.

        Raises:
            InputError: no rows, or rows of another number of cells than the header.
        """
        # Only inside quotes can a line go on; where there are none, parts are read side by side.
        quoted = b'"' in self.data
        parsing = arrow_csv.ParseOptions(delimiter=self.separator, newlines_in_values=quoted)
        try:
            with pa.BufferReader(self.data) as stream:
                return arrow_csv.read_csv(stream, parse_options=parsing, convert_options=conversion)
        except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
            raise InputError(self._explain_error(error)) from error

    def parse_as_text(self, names: Sequence[str]) -> pa.Table:
        """Return columns letter by letter: 007, NA, a time with its zone."""
        types = dict.fromkeys(names, pa.string())
        return self.parse(arrow_csv.ConvertOptions(include_columns=names, column_types=types))

    def iter_records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line, cells) of the header and of every row; blank lines are none."""
        text = io.StringIO(self.data.decode(), newline="")
        reader = csv.reader(text, delimiter=self.separator)
        for cells in reader:
            if cells:
                yield reader.line_num + self.first_line - 1, cells

    def describe_position(self, row: int) -> str:
        """Say where a row (from 0) stands: the file's line, counted as an editor does."""
        for line, _ in islice(self.iter_records(), row + 1, None):
            return f"{self.name}, line {line}"
        return self.name

    def check_quotes(self) -> None:
        """Refuse text that ends inside a quoted cell: it swallows all rows below.

        Raises:
            InputError: it does.
        """
        if b'"' not in self.data or self.data.count(b'"') % 2 == 0:
            return
        # A quote more closes such a cell; else it is a record of its own.
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
        """Say in the user's words why the reader gave up."""
        records = self.iter_records()
        header = next(records, None)
        if header is None:
            return f"{self.name} is empty; it should have a header and rows."
        wanted = len(header[1])
        for line, cells in records:
            if len(cells) != wanted == 1 and line == header[0] + 1:
                return (
                    f"{self.name}, line {line} has {len(cells)} cells but line {header[0]} has 1. "
                    "If that is a title, delete it, so that the names of the columns come first."
                )
            if len(cells) != wanted:
                return (
                    f"{self.name}, line {line} has {len(cells)} cells but the header has {wanted}. "
                    "Check for a stray or missing separator, or unquoted text with one."
                )
        if "cannot infer" in str(error):
            return f"{self.name} has no rows below its header; there is nothing to learn."
        first = str(error).splitlines()[0][:200]
        return f"{self.name} can't be read as CSV: {first}. Save it again as CSV UTF-8."


def read_delimited(data: bytes, name: str) -> DelimitedText:
    """Take the bytes of a text file for a table.

    Raises:
        InputError: it is no text, or what parts the columns is not certain.
    """
    data = decode_to_utf8(data, name)
    if not data[: 2**16].strip() and not data.strip():
        raise InputError(f"{name} is empty; it should have a header and rows.")
    told = re.match(rb"sep=([^\r\n\w])\r?\n", data)  # a line that Excel writes and reads
    if told:
        text = DelimitedText(name, data[told.end() :], told[1].decode(), first_line=2)
        if text.separator not in SEPARATORS:
            raise InputError(f"{name}, line 1 names the separator {text.separator!r}; use a comma.")
    else:
        text = DelimitedText(name, data, _detect_separator(data, name))
    text.check_quotes()
    return text


def _detect_separator(data: bytes, name: str) -> str:
    """Return what parts the columns: the header and the rows below it into equally many."""
    top = data[: 2**20].decode(errors="ignore")
    cells = {one: _cells_per_row(top, one) for one in SEPARATORS}
    likely = [one for one in SEPARATORS if len(set(cells[one])) == 1 and cells[one][0] > 1]
    if len(likely) > 1:  # one inside quotes parts nothing
        header = {one: next(csv.reader(top.splitlines(), delimiter=one)) for one in likely}
        whole = [one for one in likely if all(name.count('"') % 2 == 0 for name in header[one])]
        likely = whole or likely
    if len(likely) > 1:
        names = " or ".join(SEPARATOR_NAMES[one] for one in likely)
        raise InputError(
            f"{name}: the columns may be parted by {names}. Quote the names and cells that hold "
            "the other sign, or begin the file with a line sep=; that tells."
        )
    # Rows of unequal length are told with their line, by the separator that the header has most.
    return likely[0] if likely else max(SEPARATORS, key=lambda one: cells[one][0])


def _cells_per_row(top: str, separator: str) -> Sequence[int]:
    """Return how many cells the header and the rows below it have; a cut row at the end aside."""
    reader = csv.reader(io.StringIO(top, newline=""), delimiter=separator)
    found = list(islice((len(cells) for cells in reader if cells), SNIFF_ROWS))
    cut = len(found) < SNIFF_ROWS and len(top) >= 2**20 - 4 and len(found) > 1
    return found[:-1] if cut else found


def separator_hint(header: str) -> str:
    """Say what else may part the columns of a header that seems to be one name."""
    for sign, called in ((":", "a colon"), ("^", "^"), ("~", "~"), (" ", "spaces")):
        if sign in header.strip():
            return f" The columns seem to be parted by {called}; save the file with commas."
    return ""
