"""A Parquet table that is read a few rows at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from revin_forecast.data.reading.raw_table import RawTable, read_table
from revin_forecast.errors import InputError

MAX_BLOCK_VALUES = 2**21
"""Cells that are held at once: 16 MiB as float64."""
HEAD_ROWS = 1000
"""Rows by which the layout is told."""


@dataclass(frozen=True)
class ParquetTable:
    """A Parquet file, as it was when it was opened; never held as a whole."""

    path: Path
    rows: int
    schema: pa.Schema
    size_and_mtime: tuple[int, int]
    """Size, and when it was changed."""

    @classmethod
    def open(cls, source: str | Path) -> "ParquetTable":
        """Look at a file.

        Raises:
            InputError: it is no Parquet file, or has no rows.
        """
        path = Path(source)
        if path.suffix.lower() != ".parquet" or not path.is_file():
            raise InputError(
                f"{source} is no Parquet file (.parquet), and nothing else can be read a few rows "
                "at a time. Save the table as Parquet, or pass --memory-map never."
            )
        with _open_parquet(path) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow
        if not rows:
            raise InputError(f"{path} has no rows; there is nothing to learn.")
        return cls(path, rows, schema, _size_and_mtime(path))

    def check_column_types(self, columns: Sequence[str]) -> None:
        """Refuse columns that hold text: what it means is told by all rows, not by some.

        Raises:
            InputError: they do, or hold several values a row.
        """
        for name in columns:
            places = self.schema.get_all_field_indices(name)
            kind = self.schema.field(places[0]).type if places else pa.null()
            if pa.types.is_dictionary(kind):
                kind = kind.value_type
            plain = (pa.types.is_primitive, pa.types.is_decimal, pa.types.is_null)
            if not any(is_kind(kind) for is_kind in plain):
                raise InputError(
                    f"{self.path}, column {name!r} holds {kind}; a table that is read a few rows "
                    "at a time needs numbers and time stamps. Save it with those, or pass "
                    "--memory-map never."
                )

    def read_head(self, index_names: Sequence[str]) -> RawTable:
        """Return the first rows with all columns.

        Args:
            index_names: names under which a numeric index of the frame counts as a column.
        """
        return next(self._iter_tables(None, HEAD_ROWS, index_names))

    def iter_blocks(self, columns: Sequence[str], index_names: Sequence[str]) -> Iterator[RawTable]:
        """Yield some columns of all rows, a block at a time.

        Raises:
            InputError: a row group can't be read, or the file was changed since it was opened.
        """
        wanted = [name for name in self.schema.names if name in set(columns)]
        yield from self._iter_tables(wanted, max(1, MAX_BLOCK_VALUES // len(columns)), index_names)
        if _size_and_mtime(self.path) != self.size_and_mtime:
            raise InputError(
                f"{self.path} was written to while it was read. Try again when it is complete, or "
                "read a copy of it."
            )

    def _iter_tables(
        self, columns: list[str] | None, size: int, index_names: Sequence[str]
    ) -> Iterator[RawTable]:
        first_row = 0
        with _open_parquet(self.path) as file:
            batches = file.iter_batches(size, columns=columns, use_pandas_metadata=True)
            while (batch := self._next_batch(batches)) is not None:
                if len(batch):
                    frame = pa.Table.from_batches([batch]).to_pandas(date_as_object=False)
                    table = read_table(frame, index_names)
                    yield replace(table, name=str(self.path), first_row=first_row)
                first_row += len(batch)

    def _next_batch(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        try:
            return next(batches, None)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable_error(self.path, error) from error


def _open_parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, buffer_size=2**20)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable_error(path, error) from error


def _unreadable_error(path: Path, error: Exception) -> InputError:
    told = (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")
    return InputError(f"{path} is no readable Parquet file: {told}. Save it again.")


def _size_and_mtime(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
