"""The bytes of a table: read once, unpacked, and told apart from what is no table."""

import gzip
import os
import stat
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

from revin_forecast.errors import InputError, did_you_mean

CSV_SUFFIXES = (".csv", ".tsv", ".txt")
STANDARD_INPUT = "-"

# What a file begins with that people take for a table, what it is, and the way out.
UNSUPPORTED_FORMATS = {
    b"PK\x03\x04": (
        "a spreadsheet (.xlsx, .ods) or a zip archive",
        "export the sheet as CSV UTF-8",
    ),
    b"\xd0\xcf\x11\xe0": ("an old spreadsheet (.xls)", "export the sheet as CSV UTF-8"),
    b"BZh": ("a bzip2 archive", "unpack it, or pack it with gzip"),
    b"\xfd7zXZ": ("an xz archive", "unpack it, or pack it with gzip"),
    b"\x28\xb5\x2f\xfd": ("a zstandard archive", "unpack it, or pack it with gzip"),
    b"ARROW1": ("an Arrow (Feather) file", "save the table as Parquet"),
    b"ORC": ("an ORC file", "save the table as Parquet"),
    b"\x89HDF": ("an HDF5 file", "save the table as Parquet or CSV"),
    b"SQLite format 3": ("an SQLite database", "export the table as CSV"),
    b"%PDF": ("a PDF document", "save the table as CSV"),
}


@dataclass(frozen=True, eq=False)
class FileContent:
    """What a file holds, unpacked. Every pass over the table sees these same bytes."""

    name: str
    """What messages call it."""
    data: bytes

    @property
    def is_parquet(self) -> bool:
        """True for a Parquet file, by what it begins with."""
        return self.data.startswith(b"PAR1")


def read_content(source: str | Path) -> FileContent:
    """Read a file, or standard input for "-"; gzip is unpacked wherever it is found.

    Raises:
        InputError: it can't be read, changes meanwhile, is damaged, or is no table.
    """
    path = Path(source)
    piped = str(source) == STANDARD_INPUT
    name = "standard input" if piped else str(source)
    data = sys.stdin.buffer.read() if piped else _read_bytes(path, name)
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(
                f"{name} can't be unpacked, it is damaged or not complete ({error}). Copy or "
                "pack it again."
            ) from error
    for beginning, (what, remedy) in UNSUPPORTED_FORMATS.items():
        if data.startswith(beginning):
            raise InputError(f"{name} is {what}, neither CSV nor Parquet; {remedy}.")
    content = FileContent(name, data)
    if not piped and path.is_file():
        _check_suffix(path, content)
    if not data:
        raise InputError(f"{name} is empty; it should have a header and rows.")
    return content


def _read_bytes(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            data = file.read()
            after = os.fstat(file.fileno())
    except FileNotFoundError as error:
        folder = path.parent
        beside = [one.name for one in folder.iterdir()] if folder.is_dir() else []
        raise InputError(
            f"there is no file {name!r}.{did_you_mean(path.name, beside)} Check the name and the folder."
        ) from error
    except IsADirectoryError as error:
        raise InputError(f"{name} is a folder; name a CSV or Parquet file in it.") from error
    except PermissionError as error:
        raise InputError(
            f"{name} may not be read (no permission). Ask its owner, or change its permissions."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name} can't be read: {reason}. Check the name and the disk.") from error
    changed = (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
    if stat.S_ISREG(before.st_mode) and (changed or len(data) != after.st_size):
        raise InputError(
            f"{name} was written to while it was read. Try again when it is complete, or read a "
            "copy of it."
        )
    return data


def _check_suffix(path: Path, content: FileContent) -> None:
    """Refuse a file whose name promises something else."""
    plain = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    ending = plain.suffix.lower()
    if ending == ".parquet" and not content.is_parquet:
        raise InputError(
            f"{content.name} is no readable Parquet file: it does not begin like one. If it is "
            "text, name it .csv; else save it again."
        )
    if ending not in (".parquet", *CSV_SUFFIXES):
        raise InputError(
            f"{content.name} is neither CSV ({', '.join(CSV_SUFFIXES)}, also .gz) nor .parquet. "
            "Save the table as one of these."
        )
