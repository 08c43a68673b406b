"""Raw tables: the unparsed columns of a file or frame, and the position of each row in it."""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.types import infer_dtype

from revin_forecast.data.formatting import format_names
from revin_forecast.data.reading.files.index_to_columns import (
    describe_nested_cells,
    index_to_columns,
)
from revin_forecast.data.reading.files.read_file_table import read_file_table
from revin_forecast.data.reading.files.source import read_content
from revin_forecast.data.reading.text.delimited import NA_VALUES, DelimitedText, read_delimited
from revin_forecast.data.reading.text.header_rows import classify_cell
from revin_forecast.data.reading.text.repeated_names import leave_out_repeated_names
from revin_forecast.data.table_format import UNKNOWN_FORMAT, TableFormat
from revin_forecast.data.time_forms import is_iso_form
from revin_forecast.errors import InputError, did_you_mean

LONG_NAMES = TableFormat(id="unique_id", time="ds", value="y")
"""Names of columns by which a long table is recognized without options."""
TIME_NAMES = ("date", "ds", "time", "timestamp", "datetime")
INDEX_NAMES = ("unique_id", *TIME_NAMES)
"""Names under which a numeric index of a frame is a column."""
MAX_TITLE_LINES = 20
"""Most lines above the header that a message looks through."""
Parsed = TypeVar("Parsed")


@runtime_checkable
class ArrowTable(Protocol):
    """A table of another library that exports Arrow columns: Polars, Arrow, DuckDB."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the table as a stream, by Arrow's PyCapsule interface."""


@dataclass(frozen=True, eq=False)
class RawTable:
    """A frame of unparsed columns, and its source."""

    frame: pd.DataFrame
    name: str = "the table"
    """Name of the table in messages."""
    source: DelimitedText | None = None
    """Text that the frame was read from; None: another source."""
    first_row: int = 0
    """Row of a larger table at which this part begins."""
    row_numbers: Sequence[int] | None = None
    """Number of each row in the file; None: they are consecutive."""
    row_word: str = "row"
    """Word for a row in messages, if the source is not text."""
    results: dict[Any, Any] = field(default_factory=dict, repr=False)
    """Parsed columns, which the inspection leaves for the parser."""
    notes: list[str] = field(default_factory=list)
    """Sentences on everything that reading changes or leaves out; see `Series.notes`."""

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self.frame.columns)

    def column(self, name: str) -> pd.Series:
        """Return a column."""
        return pd.Series(self.frame[name])

    def text_column(self, name: str) -> pd.Series:
        """Return a column; of a text file, as the text in it: 007, NA, a time with its zone."""
        column = self.column(name)
        if self.source is None or infer_dtype(column, skipna=False) == "string":
            return column
        return pd.Series(self.text_columns([name])[name].to_pandas())

    def text_columns(self, names: Sequence[str]) -> dict[str, pa.ChunkedArray]:
        """Return columns that were converted as the text in the file, which is parsed again.

        Only a cell that differs from the first ones makes this necessary. The dictionary is empty
        if the source is not text.
        """
        if self.source is None or not names:
            return {}
        # The frame lacks the empty rows at the end of the file.
        text = self.source.parse_as_text(names).slice(0, len(self.frame))
        return {name: text.column(name) for name in names}

    def remember(self, key: Hashable, parse: Callable[[], Parsed]) -> Parsed:
        """Return a result of parsing; the first call computes it."""
        if key not in self.results:
            self.results[key] = parse()
        return self.results[key]

    def add_note(self, note: str) -> None:
        """Add a sentence on something that reading changes or leaves out, if it is a new one."""
        if note not in self.notes:
            self.notes.append(note)

    def describe_position(self, row: int) -> str:
        """Return the table and the line or row number of a row; `row` counts from 0."""
        if self.source is None:
            number = self.first_row + row + 1 if self.row_numbers is None else self.row_numbers[row]
            return f"{self.name}, {self.row_word} {number}"
        return self.source.describe_position(row)

    def suggest_header(self) -> str:
        """Return a hint if the first row of a text file may be the names of the columns."""
        records = () if self.source is None else self.source.iter_records()
        line, cells = next(islice(records, 1, None), (0, []))
        if len(cells) < 2 or any(classify_cell(cell) != "text" for cell in cells):
            return ""
        return (
            f" If line {line} names the columns, pass --skip-rows {line - 1}; if it has units, "
            "delete it."
        )

    def require_column(self, name: str, option: str) -> None:
        """Reject the name of a column that does not exist.

        Raises:
            InputError: there is no such column.
        """
        if name not in self.names:
            raise InputError(
                f"{self.name} has no column {name!r} among {format_names(self.names)}; see "
                f"{option}.{did_you_mean(name, self.names)}"
            )


def read_table(
    source: str | Path | pd.DataFrame | ArrowTable,
    given: TableFormat = UNKNOWN_FORMAT,
    like: TableFormat = UNKNOWN_FORMAT,
    text_columns: Collection[str] = (),
) -> RawTable:
    """Read a file, standard input ("-") or a data frame.

    Args:
        source: a path, or a frame of pandas or of another library.
        given: the known part of the format; the rest is detected. A numeric index of a frame
            becomes a column if it has the name of the time or series column, or a usual name of
            these; an index of times or text always does.
        like: format of an earlier table, which decides where this one is ambiguous.
        text_columns: further columns of a text file whose text counts.

    Raises:
        InputError: the table can't be read, has no rows, ragged rows, or duplicate columns.
    """
    index_names = {
        *given.time_columns,
        *given.id_columns,
        *text_columns,
        *INDEX_NAMES,
    }
    if isinstance(source, str | Path):
        names = [*text_columns, *given.id_columns, *LONG_NAMES.id_columns]
        if given.time_form and not is_iso_form(
            given.time_form
        ):  # the CSV reader converts ISO 8601 only
            names += given.time_columns or TIME_NAMES
        try:
            table = _read_file(source, given, like, names)
        except MemoryError as error:
            raise InputError(
                f"{source} does not fit into the memory. Save it as Parquet (.parquet), which is "
                "read a few rows at a time, or split it."
            ) from error
        if table.source is None:  # pandas may have written its index
            table = replace(table, frame=index_to_columns(table.frame, index_names))
    elif isinstance(source, pd.DataFrame):
        table = RawTable(index_to_columns(source, index_names))
    else:
        # Through Arrow, so that no other data frame library is a dependency.
        table = RawTable(index_to_columns(pa.table(cast(Any, source)).to_pandas(), index_names))
    # Spreadsheets write text; other sources keep their empty parts.
    clean = describe_nested_cells if table.source is None else _drop_empty_parts
    table = replace(table, frame=clean(table.frame))
    names = [str(name) for name in table.frame.columns]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    # Several nameless columns are the mark of a title line above the header.
    if repeated == [""]:
        raise InputError(
            f"{table.name}: {names.count('')} of the {len(names)} columns have no name in its "
            "first line. Name them; or if that line is a title, delete it, so that the names come "
            f"first{_suggest_header(table)}."
        )
    if repeated:
        raise InputError(
            f"{table.name} has more than one column {format_names(repeated)}; rename them."
        )
    if table.frame.empty:
        raise InputError(f"{table.name} has no rows below its header; there is nothing to learn.")
    return replace(table, frame=table.frame.set_axis(names, axis=1))


def _suggest_header(table: RawTable) -> str:
    """Return the remedy by the line of the header, if one has a name in each cell."""
    records = () if table.source is None else table.source.iter_records()
    for line, cells in islice(records, 1, MAX_TITLE_LINES):
        if all(cell.strip() for cell in cells):
            return f", or pass --skip-rows {line - 1}"
    return ""


def _drop_empty_parts(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop empty columns without a name and empty rows at the end, which spreadsheets add."""
    unnamed = np.flatnonzero([str(name).strip() == "" for name in frame.columns])
    empty = [index for index in unnamed if _is_missing(frame.iloc[:, index]).all()]
    if empty:
        frame = frame.iloc[:, [index for index in range(frame.shape[1]) if index not in empty]]
    rows = len(frame)
    while rows and _is_missing(frame.iloc[rows - 1]).all():
        rows -= 1
    return frame.iloc[:rows]


def _is_missing(cells: pd.Series) -> pd.Series:
    return cells.isna() | cells.isin(NA_VALUES)


def _read_file(
    source: str | Path, given: TableFormat, like: TableFormat, text_columns: Sequence[str]
) -> RawTable:
    content = read_content(source)
    if content.kind != "text":
        table = read_file_table(content, given)
        notes = list(table.notes)
        return RawTable(
            table.frame,
            table.name,
            row_numbers=table.row_numbers,
            row_word=table.row_word,
            notes=notes,
        )
    text = read_delimited(content.data, content.name, given, like)
    has_commas = given.decimal not in (None, ".")
    parsed = text.parse(text_columns, has_commas)
    if all(pa.types.is_string(field.type) for field in parsed.schema):
        repeated = leave_out_repeated_names(text)
        if repeated is not text:
            text, parsed = repeated, repeated.parse(text_columns, has_commas)
    parsed = _replace_hex_by_text(parsed, text)
    return RawTable(_to_frame(parsed), content.name, text, notes=list(text.notes))


def _to_frame(table: pa.Table) -> pd.DataFrame:
    """Return columns as a frame.

    In most wide tables, all columns after the first few are floats. Those are written row-major
    into one array, the layout that `Series` needs: separate columns would cost one more copy.
    """
    floats = [pa.types.is_float64(field.type) for field in table.schema]
    first = floats.index(True) if True in floats else 0
    if not first or not all(floats[first:]):
        return table.to_pandas(date_as_object=False)
    values, start = np.empty((len(table), len(floats) - first)), 0
    for batch in table.select(list(range(first, len(floats)))).to_batches():
        part = batch.to_tensor(null_to_nan=True, row_major=True).to_numpy()
        values[start : start + len(batch)] = part
        start += len(batch)
    others = table.select(list(range(first))).to_pandas(date_as_object=False)
    float_columns = pd.DataFrame(values, columns=table.column_names[first:], copy=False)
    return pd.concat([others, float_columns], axis=1)


def _replace_hex_by_text(table: pa.Table, text: DelimitedText) -> pa.Table:
    """Return whole numbers as text if one may be hexadecimal: the CSV reader lets some overflow."""
    data = text.data
    if (b"x" not in data or b"0x" not in data) and (b"X" not in data or b"0X" not in data):
        return table  # a search for one letter is much faster than one for two
    # Duplicate names can't be converted by name; they are rejected later anyway.
    doubtful = [field.name for field in table.schema if pa.types.is_integer(field.type)]
    if len(set(table.column_names)) == table.num_columns and doubtful:
        cells = text.parse_as_text(doubtful)
        for name in doubtful:
            index = table.column_names.index(name)
            table = table.set_column(index, name, cells.column(name))
    return table
