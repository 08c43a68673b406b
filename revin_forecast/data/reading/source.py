"""Reading of a table's bytes: decompression, recognition of file formats, text encodings."""

import codecs
import gzip
import os
import re
import stat
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

from revin_forecast.data.table_format import suggest_format
from revin_forecast.errors import InputError
from revin_forecast.utils.files import describe_missing_file

CSV_SUFFIXES = (".csv", ".tsv", ".txt")
STANDARD_INPUT = "-"

# First bytes of files that are often passed as tables: a name of the format, and a remedy.
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
    """Decompressed content of a file, read once so that all passes over it see the same bytes."""

    name: str
    """Name of the file in messages."""
    data: bytes

    @property
    def is_parquet(self) -> bool:
        """Whether the content begins like a Parquet file."""
        return self.data.startswith(b"PAR1")


def read_content(source: str | Path) -> FileContent:
    """Read a file, or standard input for "-", and decompress gzip whatever the name is.

    Raises:
        InputError: the file can't be read, changes while it is read, is damaged, or is not a
            table.
    """
    path = Path(source)
    is_stdin = str(source) == STANDARD_INPUT
    # Read as a whole, since detecting encoding, separator and types needs several passes.
    name = "standard input" if is_stdin else str(source)
    data = sys.stdin.buffer.read() if is_stdin else _read_bytes(path, name)
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(
                f"{name} can't be decompressed, it is damaged or not complete ({error}). Copy or "
                "compress it again."
            ) from error
    for signature, (format_name, remedy) in UNSUPPORTED_FORMATS.items():
        if data.startswith(signature):
            raise InputError(f"{name} is {format_name}, neither CSV nor Parquet; {remedy}.")
    content = FileContent(name, data)
    # A pipe has no suffix that could contradict its content.
    if not is_stdin and path.is_file():
        _check_suffix(path, content)
    if not data:
        raise InputError(f"{name} is empty; it should have a header and rows.")
    return content


def _read_bytes(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            # On the open file, so that a file that is replaced meanwhile is not compared with it.
            before = os.fstat(file.fileno())
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
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name} can't be read: {reason}. Check the name and the disk.") from error
    # A table that is still being written looks complete, with fewer rows than it will have.
    changed = (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
    # Pipes and devices have no size to compare.
    if stat.S_ISREG(before.st_mode) and (changed or len(data) != after.st_size):
        raise InputError(
            f"{name} was written to while it was read. Try again when it is complete, or read a "
            "copy of it."
        )
    return data


def _check_suffix(path: Path, content: FileContent) -> None:
    """Reject a file whose suffix contradicts its content, or is not one of a table."""
    plain = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    suffix = plain.suffix.lower()
    if suffix == ".parquet" and not content.is_parquet:
        raise InputError(
            f"{content.name} is not a readable Parquet file: it does not begin like one. If it is "
            "text, name it .csv; else save it again."
        )
    if suffix not in (".parquet", *CSV_SUFFIXES):
        raise InputError(
            f"{content.name} is neither CSV ({', '.join(CSV_SUFFIXES)}, also .gz) nor .parquet. "
            "Save the table as one of these."
        )


# The longer marks come first, since the mark of UTF-32 LE begins with that of UTF-16 LE.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

# Bytes that are the same letter in the code pages of all Latin alphabets (Windows-1252 and -1250,
# ISO 8859-1 and -2), which many spreadsheets still write. One such byte next to an ASCII letter, or
# two between ASCII letters, are almost certainly these letters: other alphabets use such bytes for
# whole words.
_LATIN_LETTERS = "ÁÂÄÇÉËÍÎÓÔÖÚÜÝßáâäçéëíîóôöúüý§°".encode("latin-1")
_AMBIGUOUS_BYTES = re.compile(
    rb"[^\x00-\x7f" + _LATIN_LETTERS + rb"]|[\x80-\xff]{3}|(?<![A-Za-z])[\x80-\xff](?![A-Za-z])"
    rb"|(?<![A-Za-z])[\x80-\xff]{2}|[\x80-\xff]{2}(?![A-Za-z])"
)


def decode_to_utf8(
    data: bytes, name: str, given: str | None = None, like: str | None = None
) -> tuple[bytes, str]:
    """Return text as UTF-8 without a byte order mark, and its encoding.

    UTF-16 and UTF-32 are recognized by their mark. Other bytes that are not UTF-8 are decoded as
    Windows-1252, but only if every letter is the same in all Latin code pages.

    Args:
        data: content of a text file.
        name: name of the file, for messages.
        given: the encoding; None: detect it.
        like: encoding to use where it is ambiguous; None: reject the file.

    Raises:
        InputError: the encoding is ambiguous, or the content is not text.
    """
    marked = next((mark for mark in BYTE_ORDER_MARKS if data.startswith(mark)), None)
    if marked is not None:
        encoding = BYTE_ORDER_MARKS[marked]
        data = _decode(data[len(marked) :], encoding, f"it is marked as {encoding.upper()}", name)
    elif given is not None:
        encoding = given
        data = _decode(data, encoding, f"its format says encoding: {encoding}", name)
    else:
        data, encoding = _decode_unmarked(data, name, like)
    if b"\0" in data:
        raise InputError(
            f"{name}, line {_find_line_number(data, data.index(0))} contains a zero byte: the file "
            "is not text, or it is UTF-16 without a byte order mark. Save it as CSV UTF-8, or pass "
            f"{suggest_format('encoding: utf-16-le', 'encoding: utf-16-be')}."
        )
    return data, encoding


def _decode_unmarked(data: bytes, name: str, like: str | None) -> tuple[bytes, str]:
    if data.isascii():  # much faster than decoding
        return data, "utf-8"
    try:
        data.decode()
        return data, "utf-8"
    except UnicodeDecodeError as error:
        if _AMBIGUOUS_BYTES.search(data) is None:
            return data.decode("cp1252").encode(), "cp1252"
        if like is not None and like != "utf-8":
            return _decode(data, like, f"the earlier table was {like}", name), like
        offset = error.start
        raise InputError(
            f"{name}, line {_find_line_number(data, offset)} is not UTF-8 text (byte "
            f"0x{data[offset]:02X}), and its encoding is ambiguous. Save it as CSV UTF-8, or pass "
            f"{suggest_format('encoding: cp1252')} (Western European), cp1251 or another."
        ) from error


def _decode(data: bytes, encoding: str, reason: str, name: str) -> bytes:
    try:
        return data.decode(encoding).removeprefix("\ufeff").encode()
    except UnicodeError as error:
        raise InputError(
            f"{name} is damaged: {reason} but is not that ({getattr(error, 'reason', error)}). "
            "Save it as CSV UTF-8."
        ) from error


def _find_line_number(data: bytes, offset: int) -> int:
    before = data[:offset]
    return len(before.splitlines()) + before.endswith((b"\n", b"\r")) or 1
