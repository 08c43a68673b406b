"""Reading of a table or view of an SQLite database, without writing to its folder."""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from revin_forecast.data.formatting import format_names
from revin_forecast.data.reading.files.file_table import FileTable
from revin_forecast.data.reading.files.source import FileContent
from revin_forecast.errors import InputError, did_you_mean
from revin_forecast.utils.memory import memory_bytes

BLOCK_ROWS = 50_000
CELL_BYTES = 60
"""Memory of a cell while a table is read."""
MEMORY_SHARE = 0.5
JOURNAL_SUFFIXES = ("-wal", "-journal")
"""Files next to a database with changes that it does not contain yet."""


def read_sqlite(content: FileContent) -> FileTable:
    """Read the table that `content.part` names, or the only one.

    Raises:
        InputError: the database is damaged, locked, or has no such table; or none is named and it
            has several.
    """
    try:
        with _open_database(content) as connection, closing(connection):
            table = _choose_table(connection, content)
            name = f"{content.name}, table {table!r}"
            return FileTable(_read_rows(connection, table, name), name)
    except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{content.name} is not a readable SQLite database: {reason}. Copy it again, or export "
            "the table as CSV."
        ) from error


@contextmanager
def _open_database(content: FileContent) -> Iterator[sqlite3.Connection]:
    """Open a database so that nothing is created or changed next to it."""
    if content.path is None:
        # Compressed or from standard input. In memory there can't be a log of changes (bytes 18
        # and 19 of the header say that there is one).
        connection = sqlite3.connect(":memory:")
        connection.deserialize(content.data[:18] + b"\1\1" + content.data[20:])
        yield connection
        return
    path = content.path.resolve()
    journals = [Path(f"{path}{suffix}") for suffix in JOURNAL_SUFFIXES]
    journals = [journal for journal in journals if journal.is_file() and journal.stat().st_size]
    if not journals:
        # Immutable: SQLite would create files even to read a database with a write-ahead log.
        yield sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
        return
    # Opening would merge the changes into the database, so this is done in a copy.
    with TemporaryDirectory() as folder:
        for file in (path, *journals):
            shutil.copy(file, folder)
        yield sqlite3.connect(Path(folder) / path.name)


def _choose_table(connection: sqlite3.Connection, content: FileContent) -> str:
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
    )
    names = [name for (name,) in rows]
    if content.part is not None:
        if content.part in names:
            return content.part
        raise InputError(
            f"{content.name} has no table {content.part!r} but {format_names(names)}."
            f"{did_you_mean(content.part, names)} Correct the name after ::."
        )
    if not names:
        raise InputError(f"{content.name} has no tables; name another file.")
    if len(names) > 1:
        raise InputError(
            f"{content.name} has {len(names)} tables {format_names(names)}. Name one, as in "
            f"'{content.name}::{names[0]}'."
        )
    return names[0]


def _read_rows(connection: sqlite3.Connection, table: str, name: str) -> pd.DataFrame:
    quoted = table.replace('"', '""')
    cursor = connection.execute(f'SELECT * FROM "{quoted}"')
    names: Sequence[str] = [column[0] for column in cursor.description]
    limit = memory_bytes() * MEMORY_SHARE / (CELL_BYTES * max(1, len(names)))
    rows: list[tuple[Any, ...]] = []
    while block := cursor.fetchmany(BLOCK_ROWS):
        rows += block
        if len(rows) > limit:  # a view may have no end
            raise InputError(
                f"{name} has more than {int(limit):,} rows, which need more than half of the "
                "memory. Export it as Parquet, which is read a few rows at a time."
            )
    return pd.DataFrame(rows, columns=list(names))
