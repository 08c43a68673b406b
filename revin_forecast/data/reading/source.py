"""The bytes of a table: read once, unpacked, and told apart from what is no table."""

import codecs
import gzip
import os
import re
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


# The longer marks first: that of UTF-16 begins that of UTF-32.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

# Bytes that are the same letter in the code pages of all Latin alphabets (Windows-1252 and -1250,
# ISO 8859-1 and -2); most spreadsheets still write one of these. One beside a letter of ASCII, or
# two between such letters, are hardly anything else: other alphabets write whole words in them.
_LATIN_LETTERS = "ÁÂÄÇÉËÍÎÓÔÖÚÜÝßáâäçéëíîóôöúüý§°".encode("latin-1")
_AMBIGUOUS_BYTES = re.compile(
    rb"[^\x00-\x7f" + _LATIN_LETTERS + rb"]|[\x80-\xff]{3}|(?<![A-Za-z])[\x80-\xff](?![A-Za-z])"
    rb"|(?<![A-Za-z])[\x80-\xff]{2}|[\x80-\xff]{2}(?![A-Za-z])"
)


def decode_to_utf8(data: bytes, name: str) -> bytes:
    """Return text as UTF-8 without a byte order mark.

    UTF-16 and UTF-32 are known by their mark. What is no UTF-8 is taken for Windows-1252 only
    where every letter is the same in all Latin code pages.

    Args:
        data: of a text file.
        name: of it, for messages.

    Raises:
        InputError: what the bytes mean is not certain, or it is no text.
    """
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            data = _decode_marked(data[len(mark) :], encoding, name)
            break
    else:
        data = _decode_unmarked(data, name)
    if b"\0" in data:
        raise InputError(
            f"{name}, line {_line_number(data, data.index(0))} holds a zero byte: it is no text, or "
            "UTF-16 without a byte order mark. Save it as CSV UTF-8."
        )
    return data


def _decode_unmarked(data: bytes, name: str) -> bytes:
    if data.isascii():
        return data
    try:
        data.decode()
        return data
    except UnicodeDecodeError as error:
        uncertain = _AMBIGUOUS_BYTES.search(data)
        if uncertain is None:
            return data.decode("cp1252").encode()
        at = error.start
        raise InputError(
            f"{name}, line {_line_number(data, at)} is not UTF-8 text (byte 0x{data[at]:02X}), and what "
            "else it is can't be told for certain. Save it as CSV UTF-8."
        ) from error


def _decode_marked(data: bytes, encoding: str, name: str) -> bytes:
    try:
        return data.decode(encoding).encode()
    except UnicodeError as error:
        raise InputError(
            f"{name} is damaged: it is marked as {encoding.upper()} but is not that "
            f"({getattr(error, 'reason', error)}). Save it as CSV UTF-8."
        ) from error


def _line_number(data: bytes, at: int) -> int:
    return len(data[:at].splitlines()) + data[:at].endswith((b"\n", b"\r")) or 1
