"""Reading of a table's bytes: files, pipes and devices, decompression, recognition of formats."""

import io
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from revin_forecast.data.reading.files.file_kinds import (
    PARTS,
    SQLITE_SIGNATURE,
    FileKind,
    check_suffix,
    detect_kind,
)
from revin_forecast.data.reading.files.streams import (
    GZIP_SIGNATURE,
    check_size,
    decompress,
    read_stream,
)
from revin_forecast.errors import InputError
from revin_forecast.utils.files import describe_missing_file, split_part

STANDARD_INPUT = "-"


@dataclass(frozen=True, eq=False)
class FileContent:
    """Decompressed content of a file, read once so that all passes over it see the same bytes."""

    name: str
    """Name of the file in messages."""
    data: bytes
    """The content; of an SQLite database in a file, its beginning."""
    kind: FileKind = "text"
    part: str | None = None
    """Sheet or table to read; None: find it."""
    path: Path | None = None
    """Path of an SQLite database, which is not read as a whole."""


def read_content(source: str | Path) -> FileContent:
    """Read a file, or standard input for "-", and decompress gzip whatever the name is.

    Args:
        source: path of the file, for some formats with a part of it: `sales.xlsx::2024`.

    Raises:
        InputError: the file can't be read, changes while it is read, is damaged, is too large for
            the memory, or is not a table.
    """
    file, part = split_part(source)
    path = Path(file)
    is_stdin = file == STANDARD_INPUT
    # Read as a whole, since detecting encoding, separator and types needs several passes.
    name = "standard input" if is_stdin else file
    data = _read_stdin(name) if is_stdin else _read_bytes(path, name)
    if data.startswith(GZIP_SIGNATURE):
        data = decompress(data, name)
    kind = detect_kind(data, name)
    # A pipe has no suffix that could contradict its content.
    if not is_stdin and path.is_file():
        check_suffix(path, name, kind)
    if not data:
        raise InputError(f"{name} is empty; it should have a header and rows.")
    if part is not None and kind not in PARTS:
        raise InputError(
            f"{name} is a single table: only Excel workbooks and SQLite databases have parts. "
            f"Leave ::{part} out."
        )
    is_database = kind == "SQLite" and data == SQLITE_SIGNATURE
    return FileContent(name, data, kind, part, path if is_database else None)


def _read_stdin(name: str) -> bytes:
    return read_stream(cast(io.BufferedIOBase, sys.stdin.buffer), name)


def _read_bytes(path: Path, name: str) -> bytes:
    """Return the content of a file; of an SQLite database only the signature."""
    try:
        with path.open("rb", 0) as file:
            # On the open file, so that a file that is replaced meanwhile is not compared with it.
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                # Pipes and devices have no size to compare.
                return read_stream(file, name)
            head = file.read(len(SQLITE_SIGNATURE))
            if head == SQLITE_SIGNATURE:
                return head
            if not head.startswith(b"PAR1"):  # compressed, and the remedy for the others
                check_size(before.st_size, name)
            file.seek(0)
            data = file.read()
            after = os.fstat(file.fileno())
    except FileNotFoundError as error:
        raise InputError(describe_missing_file(path)) from error
    except IsADirectoryError as error:
        raise InputError(f"{name} is a folder; name a CSV or Parquet file in it.") from error
    except PermissionError as error:
        raise InputError(
            f"{name} can't be read (no permission). Ask its owner, or change its permissions."
        ) from error
    except (InputError, MemoryError):
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name} can't be read: {reason}. Check the name and the disk.") from error
    # A table that is still being written looks complete, with fewer rows than it will have.
    changed = (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
    if changed or len(data) != after.st_size:
        raise InputError(
            f"{name} was written to while it was read. Try again when it is complete, or read a "
            "copy of it."
        )
    return data
