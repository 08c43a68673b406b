"""Raw tables: columns as they stand in a file or frame, and where each row stands in it."""

import io
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from revin_forecast.data.reading.delimited import NA_VALUES, DelimitedText, read_delimited
from revin_forecast.data.reading.source import read_content
from revin_forecast.data.series import format_names
from revin_forecast.errors import InputError, did_you_mean


@runtime_checkable
class ArrowTable(Protocol):
    """A table of another library that hands its columns over: Polars, Arrow, DuckDB."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """See Arrow's PyCapsule interface."""


@dataclass(frozen=True, eq=False)
class RawTable:
    """A frame of unparsed columns, and where it is from."""

    frame: pd.DataFrame
    name: str = "the table"
    """What messages call it."""
    source: DelimitedText | None = None
    """The text it was read from; None: not from text."""
    first_row: int = 0
    """Of this part of a larger table, in it."""

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return list(self.frame.columns)

    def column(self, name: str) -> pd.Series:
        """Return a column."""
        return pd.Series(self.frame[name])

    def text_column(self, name: str) -> pd.Series:
        """Return a column of a text file letter by letter: 007, NA, a time with its zone."""
        column = self.column(name)
        # What the reader took for text stands there as it is written, but for NA and the like.
        as_written = isinstance(column.dtype, pd.StringDtype) and not column.hasnans
        if self.source is None or as_written:
            return column
        return pd.Series(self.text_columns([name])[name].to_pandas())

    def text_columns(self, names: Sequence[str]) -> dict[str, pa.ChunkedArray]:
        """Return columns of a text file letter by letter; none of what is not from text."""
        if self.source is None or not names:
            return {}
        # As far as the frame goes: empty rows at the end are left out.
        written = self.source.parse_as_text(names).slice(0, len(self.frame))
        return {name: written.column(name) for name in names}

    def describe_position(self, row: int) -> str:
        """Say where a row (from 0) stands: the file's line, counted as an editor does."""
        if self.source is None:
            return f"{self.name}, row {self.first_row + row + 1}"
        return self.source.describe_position(row)

    def require_column(self, name: str, option: str) -> None:
        """Refuse the name of a column that is not there.

        Raises:
            InputError: it is not.
        """
        if name not in self.names:
            raise InputError(
                f"{self.name} has no column {name!r} among {format_names(self.names)}; see {option}."
                f"{did_you_mean(name, self.names)}"
            )


def read_table(
    source: str | Path | pd.DataFrame | ArrowTable, index_names: Collection[str] = ()
) -> RawTable:
    """Read a CSV or Parquet file or standard input ("-"), or take a data frame.

    Args:
        source: a path, or a frame of pandas or of another library.
        index_names: names under which a numeric index of a frame counts as a column; one of other
            things (times, text) always does.

    Raises:
        InputError: it can't be read, has no rows, ragged rows, or duplicate columns.
    """
    if isinstance(source, str | Path):
        table = _read_file(source)
    elif isinstance(source, pd.DataFrame):
        table = RawTable(_index_to_columns(source, index_names))
    else:
        table = RawTable(_index_to_columns(pa.table(cast(Any, source)).to_pandas(), index_names))
    if table.source is not None:
        table = replace(table, frame=_drop_empty_parts(table.frame))
    names = [str(name) for name in table.frame.columns]
    double = [name for name, count in Counter(names).items() if count > 1]
    if double == [""]:
        raise InputError(
            f"{table.name}: {names.count('')} of the {len(names)} columns have no name in its "
            "first line. Name them; or if that line is a title, delete it, so that the names come "
            "first."
        )
    if double:
        raise InputError(
            f"{table.name} has more than one column {format_names(double)}; rename them."
        )
    if table.frame.empty:
        raise InputError(f"{table.name} has no rows below its header; there is nothing to learn.")
    return replace(table, frame=table.frame.set_axis(names, axis=1))


def _drop_empty_parts(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out what spreadsheets add: empty columns without a name, empty rows at the end."""
    unnamed = np.flatnonzero([str(name).strip() == "" for name in frame.columns])
    hollow = [place for place in unnamed if frame.iloc[:, place].isna().all()]
    if hollow:
        frame = frame.iloc[:, [place for place in range(frame.shape[1]) if place not in hollow]]
    rows = len(frame)
    while rows and frame.iloc[rows - 1].isna().all():
        rows -= 1
    return frame.iloc[:rows]


def _index_to_columns(frame: pd.DataFrame, index_names: Collection[str]) -> pd.DataFrame:
    """Make the index a column where it is more than a running number."""
    index = frame.index
    numbers = pd.api.types.is_numeric_dtype(index.dtype) and index.name not in index_names
    if numbers and index.nlevels == 1:
        return frame.reset_index(drop=True)
    if index.nlevels == 1 and index.name is None:
        frame = frame.rename_axis("date")
    return frame.reset_index()


def _read_file(source: str | Path) -> RawTable:
    content = read_content(source)
    if content.is_parquet:
        try:
            return RawTable(pd.read_parquet(io.BytesIO(content.data)), content.name)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise InputError(
                f"{content.name} is no readable Parquet file: {_first_line(error)}. Save it again."
            ) from error
    text = read_delimited(content.data, content.name)
    table = text.parse()
    return RawTable(_to_frame(_reread_hex_as_text(table, text)), content.name, text)


def _to_frame(table: pa.Table) -> pd.DataFrame:
    """Return columns as a frame.

    Where none but floats stand behind the first ones, as in most wide tables, those go row by row
    into one array, which is what is made of them later: columns between would be a copy more.
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
    rest = pd.DataFrame(values, columns=table.column_names[first:], copy=False)
    return pd.concat([others, rest], axis=1)


def _reread_hex_as_text(table: pa.Table, text: DelimitedText) -> pa.Table:
    """Return the columns without what the reader makes of 0x1F: some such numbers wrap around."""
    data = text.data
    if (b"x" not in data or b"0x" not in data) and (b"X" not in data or b"0X" not in data):
        return table  # one letter is found much faster than two
    doubtful = [field.name for field in table.schema if pa.types.is_integer(field.type)]
    if len(set(table.column_names)) < table.num_columns or not doubtful:
        return table
    kinds = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(doubtful, pa.string()),
        null_values=NA_VALUES,
        strings_can_be_null=True,
    )
    return text.parse(kinds)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")
