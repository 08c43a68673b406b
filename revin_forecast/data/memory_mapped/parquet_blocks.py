"""Reading of a Parquet table in blocks of rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from revin_forecast.data.reading.files.arrow_file import first_error_line
from revin_forecast.data.reading.raw_table import RawTable, read_table
from revin_forecast.data.table_format import TableFormat
from revin_forecast.errors import InputError

MAX_BLOCK_VALUES = 2**21
"""Cells in memory at once: 16 MiB as float64."""
HEAD_ROWS = 1000
"""Rows from which the format is detected."""


@dataclass(frozen=True)
class ParquetTable:
    """A Parquet file that is never in memory as a whole."""

    path: Path
    rows: int
    schema: pa.Schema
    size_and_mtime: tuple[int, int]
    """Size and time of the last change when the file was opened."""

    @classmethod
    def open(cls, source: str | Path) -> "ParquetTable":
        """Read the metadata of a file.

        Raises:
            InputError: the file is not a Parquet file, or has no rows.
        """
        # Other formats have no row groups, so they can't be read in parts.
        path = Path(source)
        if path.suffix.lower() != ".parquet" or not path.is_file():
            raise InputError(
                f"{source} is not a Parquet file (.parquet), the only format that can be read a "
                "few rows at a time. Save the table as Parquet, or pass --memory-map never."
            )
        with _open_parquet(path) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow
        if not rows:
            raise InputError(f"{path} has no rows; there is nothing to learn.")
        return cls(path, rows, schema, _read_size_and_mtime(path))

    def check_column_types(self, columns: Sequence[str]) -> None:
        """Reject columns of text, since all rows are needed to detect its format.

        Raises:
            InputError: a column holds text, or several values per row.
        """
        for name in columns:
            indices = self.schema.get_all_field_indices(name)
            kind = self.schema.field(indices[0]).type if indices else pa.null()
            # Categories are dictionaries of text or numbers.
            if pa.types.is_dictionary(kind):
                kind = kind.value_type
            allowed = (pa.types.is_primitive, pa.types.is_decimal, pa.types.is_null)
            if not any(is_kind(kind) for is_kind in allowed):
                raise InputError(
                    f"{self.path}, column {name!r} holds {kind}; a table that is read a few rows "
                    "at a time needs numbers and timestamps. Save it with those, or pass "
                    "--memory-map never."
                )

    def read_head(self, given: TableFormat) -> RawTable:
        """Return the first rows with all columns.

        Args:
            given: the known part of the format; see `read_table`.
        """
        return next(self._iter_tables(None, HEAD_ROWS, given))

    def iter_blocks(self, columns: Sequence[str], format: TableFormat) -> Iterator[RawTable]:
        """Yield all rows of some columns in blocks.

        Args:
            columns: names of the columns.
            format: format of the table.

        Raises:
            InputError: a row group can't be read, or the file was changed after it was opened.
        """
        in_order = [name for name in self.schema.names if name in set(columns)]
        rows_per_block = max(1, MAX_BLOCK_VALUES // len(columns))
        yield from self._iter_tables(in_order, rows_per_block, format)
        # The file is read twice; both passes must see the same rows.
        if _read_size_and_mtime(self.path) != self.size_and_mtime:
            raise InputError(
                f"{self.path} was written to while it was read. Try again when it is complete, or "
                "read a copy of it."
            )

    def _iter_tables(
        self, columns: list[str] | None, size: int, format: TableFormat
    ) -> Iterator[RawTable]:
        first_row = 0
        with _open_parquet(self.path) as file:
            # With the metadata of pandas, so that the columns of its index are read as well.
            batches = file.iter_batches(size, columns=columns, use_pandas_metadata=True)
            while (batch := self._next_batch(batches)) is not None:
                if len(batch):  # `read_table` rejects a table without rows
                    frame = pa.Table.from_batches([batch]).to_pandas(date_as_object=False)
                    table = read_table(frame, format)
                    yield replace(table, name=str(self.path), first_row=first_row)
                first_row += len(batch)

    def _next_batch(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        try:
            return next(batches, None)
        except (pa.ArrowException, OSError) as error:
            raise _build_unreadable_error(self.path, error) from error


def _open_parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, buffer_size=2**20)
    except (pa.ArrowException, OSError) as error:
        raise _build_unreadable_error(path, error) from error


def _build_unreadable_error(path: Path, error: Exception) -> InputError:
    reason = first_error_line(error)
    return InputError(f"{path} is not a readable Parquet file: {reason}. Save it again.")


def _read_size_and_mtime(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
