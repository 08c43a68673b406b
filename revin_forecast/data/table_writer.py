"""`TableWriter`: a table that is written in parts, as CSV or Parquet."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from pandas.api.types import is_datetime64_dtype

from revin_forecast.data.write_table import TABLE_SUFFIXES, atomic_output, check_table_path
from revin_forecast.errors import InputError

PART_SUFFIXES = (".csv", ".parquet")
"""Suffixes of the files that a table can be appended to."""
MIN_ROW_BYTES = {".csv": 40, ".parquet": 8}
"""Size of a row with two times and two numbers, if they are short."""


class TableWriter:
    """Appends parts of a table to a file; one part at a time is in memory.

    Args:
        file: CSV file to write to; None: Parquet.
        path: Parquet file to write to.
        has_clock: whether times in a CSV have a clock, or else dates only.
    """

    def __init__(self, file: BinaryIO | None, path: Path, has_clock: bool = True):
        self._file, self._path, self._has_clock = file, path, has_clock
        self._parquet: pq.ParquetWriter | None = None
        self._has_header = False

    def write(self, part: pd.DataFrame) -> None:
        """Append rows, which have the columns of the first part."""
        if self._file is not None:
            if not self._has_header:
                self._file.write(part.head(0).to_csv(index=False).encode())
                self._has_header = True
            self._file.write(_to_csv_rows(_format_times(part, self._has_clock)))
            return
        rows = pa.Table.from_pandas(part, preserve_index=False)
        if self._parquet is None:
            self._parquet = pq.ParquetWriter(self._path, rows.schema)
        self._parquet.write_table(rows.cast(self._parquet.schema))

    def close(self) -> None:
        """Finish the file."""
        if self._parquet is not None:
            self._parquet.close()


def check_parts_path(path: str | Path, source: str | Path | None = None) -> None:
    """Check that a table can be written to a path in parts, before it is computed.

    Args:
        path: path of the table to write. Streams (/dev/stdout, a pipe) accept CSV.
        source: input file, which must not be overwritten.

    Raises:
        InputError: `check_table_path` rejects the path, or it is neither .csv nor .parquet.
    """
    check_table_path(path, source)
    if Path(path).suffix in TABLE_SUFFIXES and Path(path).suffix not in PART_SUFFIXES:
        raise InputError(
            f"a long table is written in parts as {' or '.join(PART_SUFFIXES)} but got {path}."
        )


def check_free_space(path: str | Path, rows: int, remedy: str) -> None:
    """Check that the disk has room for a table, before it is computed.

    Args:
        path: path of the table, .csv or .parquet; others, such as pipes, are not checked.
        rows: number of rows of the table.
        remedy: how to get a smaller table.

    Raises:
        InputError: the table takes more than is free, even if its numbers are short.
    """
    if Path(path).suffix not in PART_SUFFIXES:
        return
    size = rows * MIN_ROW_BYTES[Path(path).suffix]
    free = shutil.disk_usage(Path(path).resolve().parent).free
    if size > free:
        raise InputError(
            f"{path} would have {rows:,} rows and take at least {size / 2**30:,.1f} GiB, but "
            f"{free / 2**30:,.1f} GiB are free. {remedy}"
        )


@contextmanager
def open_table_writer(path: str | Path, has_clock: bool = True) -> Iterator[TableWriter]:
    """Yield a writer; its file replaces `path` when the block ends (atomic write).

    Args:
        path: path of the table, .csv or .parquet.
        has_clock: whether times in a CSV have a clock, or else dates only.

    Raises:
        InputError: the path is neither .csv nor .parquet, there is no permission, or the disk is
            full. An existing file is then unchanged, as it is after any other error.
    """
    path = Path(path)
    check_parts_path(path)
    with atomic_output(path) as partial:
        if path.suffix == ".parquet":
            writer = TableWriter(None, partial, has_clock)
            try:
                yield writer
            finally:
                writer.close()
        else:
            with partial.open("wb") as file:
                yield TableWriter(file, partial, has_clock)


def _to_csv_rows(part: pd.DataFrame) -> bytes:
    """Return the rows as CSV without a header, with the shortest digits that give each value."""
    # Several times as fast as pandas. It quotes every text or none, so none is tried first.
    rows = pa.Table.from_pandas(part, preserve_index=False)
    try:
        return _write_csv(rows, "none")
    except pa.ArrowInvalid:
        return _write_csv(rows, "needed")


def _write_csv(rows: pa.Table, quoting_style: Literal["none", "needed"]) -> bytes:
    buffer = io.BytesIO()
    options = pa_csv.WriteOptions(include_header=False, quoting_style=quoting_style)
    pa_csv.write_csv(rows, buffer, options)
    return buffer.getvalue()


def _format_times(part: pd.DataFrame, has_clock: bool) -> pd.DataFrame:
    """Return a part with its times as texts in ISO 8601."""
    texts: dict[str, np.ndarray] = {}
    for name in part.columns:
        if isinstance(part[name].dtype, pd.DatetimeTZDtype) or is_datetime64_dtype(part[name]):
            # Every series repeats the times, and formatting is slow.
            codes, stamps = pd.factorize(part[name])
            labels = [str(stamp if has_clock else stamp.date()) for stamp in stamps]
            texts[name] = np.array(labels, dtype=object).take(codes)
    return part.assign(**texts)
