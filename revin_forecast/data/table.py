"""Raw tables: columns as they stand in a file or frame, and where each row stands in it."""

import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from revin_forecast.errors import InputError

SEPARATORS = (",", ";", "\t")
CSV_ENDINGS = (".csv", ".tsv", ".txt")
UNOBSERVED = ["", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "#N/A", "None"]
AS_FOUND = arrow_csv.ConvertOptions(null_values=UNOBSERVED, strings_can_be_null=True)


@dataclass(frozen=True, eq=False)
class RawTable:
    """A frame of unparsed columns, and where it is from."""

    frame: pd.DataFrame
    path: Path | None = None
    separator: str | None = None
    """Of a text file."""

    @property
    def name(self) -> str:
        """What messages call the table."""
        return "the table" if self.path is None else str(self.path)

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return list(self.frame.columns)

    def column(self, name: str) -> pd.Series:
        """Return a column."""
        return pd.Series(self.frame[name])

    def text(self, name: str) -> pd.Series:
        """Return a column of a text file letter by letter: 007, NA, a time with its zone."""
        if self.separator is None or self.path is None:
            return self.column(name)
        kinds = arrow_csv.ConvertOptions(include_columns=[name], column_types={name: pa.string()})
        return pd.Series(_parse(self.path, self.separator, kinds).to_pandas()[name])

    def place(self, row: int) -> str:
        """Say where a row (from 0) stands: the file's line, counted as an editor does."""
        if self.separator is None or self.path is None:
            return f"{self.name}, row {row + 1}"
        with _open_text(self.path) as file:
            reader = csv.reader(file, delimiter=self.separator)
            filled = (reader.line_num for cells in reader if cells)
            for number, line in enumerate(filled):
                if number == row + 1:
                    return f"{self.name}, line {line}"
        return self.name


def read_table(source: str | Path | pd.DataFrame) -> RawTable:
    """Read a CSV or Parquet file, or take a data frame; its index counts where it holds times.

    Raises:
        InputError: no such file, another kind of file, no rows, ragged rows, duplicate columns.
    """
    if isinstance(source, pd.DataFrame):
        dated = isinstance(source.index, pd.DatetimeIndex)
        frame = source.rename_axis(source.index.name or "date") if dated else source
        table = RawTable(frame.reset_index(drop=not dated))
    else:
        table = _read_file(Path(source))
    names = [str(name) for name in table.frame.columns]
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise InputError(f"{table.name} has more than one column {double}; rename one of them.")
    if table.frame.empty:
        raise InputError(f"{table.name} has no rows below its header; there is nothing to learn.")
    return RawTable(table.frame.set_axis(names, axis=1), table.path, table.separator)


def _read_file(path: Path) -> RawTable:
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a CSV or Parquet file in it.")
    if not path.exists():
        raise InputError(f"there is no file {path}. Check the name and the folder.")
    plain = path.with_suffix("") if _gzipped(path) else path
    if plain.suffix.lower() == ".parquet":
        try:
            return RawTable(pd.read_parquet(path), path)
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{path} is no readable Parquet file: {error}") from error
    if plain.suffix.lower() not in CSV_ENDINGS:
        raise InputError(
            f"{path} is neither CSV ({', '.join(CSV_ENDINGS)}, also .gz) nor .parquet. "
            "Save the table as one of these."
        )
    return _read_csv(path)


def _read_csv(path: Path) -> RawTable:
    try:
        with _open_text(path) as file:
            separator = _separator(file.readline())
        table = _parse(path, separator, AS_FOUND)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text ({error.reason}). Save it as CSV UTF-8."
        ) from error
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        raise InputError(_explained(path, error)) from error
    return RawTable(table.to_pandas(), path, separator)


def _parse(path: Path, separator: str, kinds: arrow_csv.ConvertOptions) -> pa.Table:
    parsing = arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True)
    with pa.input_stream(str(path), compression="gzip" if _gzipped(path) else None) as stream:
        table = arrow_csv.read_csv(stream, parse_options=parsing, convert_options=kinds)
    for field in table.schema:
        if pa.types.is_binary(field.type):  # what the reader makes of text in another encoding
            raise InputError(
                f"{path}, column {field.name!r} is not UTF-8 text. Save the file as CSV UTF-8."
            )
    return table


def _explained(path: Path, error: Exception) -> str:
    """Say in the user's words why the reader gave up."""
    text = str(error)
    if path.stat().st_size == 0 or "Empty CSV" in text:
        return f"{path} is empty; it should have a header and rows."
    if "UTF8" in text or "UTF-8" in text:
        return f"{path} is not UTF-8 text. Save it as CSV UTF-8."
    ragged = _ragged_line(path)
    if ragged is not None:
        line, got, wanted = ragged
        return (
            f"{path}, line {line} has {got} cells but the header has {wanted}. "
            "Check for a stray or missing separator, or unquoted text with one."
        )
    return f"{path} can't be read as CSV: {text}"


def _ragged_line(path: Path) -> tuple[int, int, int] | None:
    try:
        with _open_text(path) as file:
            separator = _separator(file.readline())
            file.seek(0)
            reader = csv.reader(file, delimiter=separator)
            wanted = len(next(reader))
            for cells in reader:
                if cells and len(cells) != wanted:
                    return reader.line_num, len(cells), wanted
    except (OSError, UnicodeDecodeError, csv.Error, StopIteration):
        return None
    return None


def _separator(header: str) -> str:
    """Return what parts the header into the most names; one inside quotes parts nothing."""
    return max(SEPARATORS, key=re.sub('"[^"]*"', "", header).count)


def _gzipped(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


@contextmanager
def _open_text(path: Path) -> Iterator[IO[str]]:
    opener = gzip.open if _gzipped(path) else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        yield file
