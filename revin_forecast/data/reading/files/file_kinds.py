"""Recognition of file formats by their content, whatever the name of the file is."""

import codecs
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from revin_forecast.errors import InputError, join_words

FileKind = Literal["text", "Parquet", "Arrow", "Excel", "SQLite", "JSON"]

CSV_SUFFIXES = (".csv", ".tsv", ".txt")
KIND_SUFFIXES: Mapping[FileKind, tuple[str, ...]] = {
    "Parquet": (".parquet",),
    "Arrow": (".arrow", ".feather", ".ipc", ".arrows"),
    "Excel": (".xlsx", ".xlsm"),
    "SQLite": (".db", ".sqlite", ".sqlite3"),
    "JSON": (".jsonl", ".ndjson", ".json"),
}
"""Usual suffixes of the formats that are recognized by their content."""
PARTS: Mapping[FileKind, str] = {"Excel": "sheet", "SQLite": "table"}
"""Formats with several tables in a file, and the word for one of them."""
SQLITE_SIGNATURE = b"SQLite format 3\0"
SIGNATURES: Mapping[bytes, FileKind] = {
    b"PAR1": "Parquet",
    b"ARROW1": "Arrow",
    b"\xff\xff\xff\xff": "Arrow",  # a stream of record batches
    SQLITE_SIGNATURE: "SQLite",
}
# First bytes of files that are often passed as tables: a name of the format, and a remedy.
UNSUPPORTED_FORMATS = {
    b"BZh": ("a bzip2 archive", "unpack it, or pack it with gzip"),
    b"\xfd7zXZ": ("an xz archive", "unpack it, or pack it with gzip"),
    b"\x28\xb5\x2f\xfd": ("a zstandard archive", "unpack it, or pack it with gzip"),
    b"FEA1": ("a Feather file of version 1", "save the table as Parquet"),
    b"ORC": ("an ORC file", "save the table as Parquet"),
    b"\x89HDF": ("an HDF5 file", "save the table as Parquet or CSV"),
    b"%PDF": ("a PDF document", "save the table as CSV"),
}
OLE_SIGNATURE = b"\xd0\xcf\x11\xe0"
"""First bytes of old Office files, and of workbooks with a password."""
ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
ZIP_SIGNATURE = b"PK\x03\x04"
COMPRESSED_SIGNATURES = (b"\x1f\x8b", ZIP_SIGNATURE, OLE_SIGNATURE)


def has_signature(data: bytes) -> bool:
    """Return whether a content begins like a binary format that is recognized."""
    known = (*SIGNATURES, *UNSUPPORTED_FORMATS, *COMPRESSED_SIGNATURES)
    return data.startswith(known)


def detect_kind(data: bytes, name: str) -> FileKind:
    """Return the format of a file's decompressed content.

    Args:
        data: the whole content; of an SQLite database, its beginning.
        name: name of the file, for messages.

    Raises:
        InputError: a format that can't be read; the message gives a remedy.
    """
    for signature, kind in SIGNATURES.items():
        if data.startswith(signature):
            return kind
    if data.startswith(ZIP_SIGNATURE):
        return _detect_workbook(data, name)
    if data.startswith(OLE_SIGNATURE):
        if ENCRYPTED_STREAM in data:
            raise InputError(f"{name} is a workbook with a password; save it without one.")
        raise InputError(
            f"{name} is an old spreadsheet (.xls); save it as .xlsx, or export the sheet as CSV "
            "UTF-8."
        )
    for signature, (format_name, remedy) in UNSUPPORTED_FORMATS.items():
        if data.startswith(signature):
            raise InputError(f"{name} is {format_name}, neither CSV nor Parquet; {remedy}.")
    return "JSON" if _begins_like_json(data) else "text"


def _detect_workbook(data: bytes, name: str) -> FileKind:
    """Return the format of a zip archive, which an Excel workbook is."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = set(archive.namelist())
            is_ods = "mimetype" in members and b"spreadsheet" in archive.read("mimetype")[:100]
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError) as error:
        raise InputError(
            f"{name} is a damaged spreadsheet (.xlsx, .ods) or zip archive ({error}). Save it or "
            "copy it again."
        ) from error
    if "xl/workbook.xml" in members:
        return "Excel"
    if "xl/workbook.bin" in members:
        found, remedy = "a binary workbook (.xlsb)", "save it as .xlsx"
    elif is_ods:
        found = "an OpenDocument spreadsheet (.ods)"
        remedy = "save it as .xlsx, or export the sheet as CSV UTF-8"
    else:
        found, remedy = "a zip archive", "unpack it, or pack the table with gzip"
    raise InputError(f"{name} is {found}, not a table; {remedy}.")


def _begins_like_json(data: bytes) -> bool:
    """Return whether a text begins with an object, or with an array of objects or arrays."""
    top = data[: 2**10].removeprefix(codecs.BOM_UTF8).lstrip()
    # A CSV may begin with a name in brackets.
    return re.match(rb"""\[\s*[{\[\]]|\{\s*("|\}|$)""", top) is not None


def check_suffix(path: Path, name: str, kind: FileKind) -> None:
    """Reject a file whose suffix contradicts its content, or is not one of a table.

    Raises:
        InputError: it does.
    """
    plain = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    suffix = plain.suffix.lower()
    if suffix == ".parquet" and kind != "Parquet":
        raise InputError(
            f"{name} is not a readable Parquet file: it does not begin like one. If it is "
            "text, name it .csv; else save it again."
        )
    if kind != "text" or suffix in CSV_SUFFIXES:
        return
    for named, suffixes in KIND_SUFFIXES.items():
        if suffix in suffixes:
            raise InputError(
                f"{name} has the name of {_ARTICLES[named]} but does not begin like one. If it is "
                "text, name it .csv; else save it again."
            )
    others = join_words([suffixes[0] for suffixes in KIND_SUFFIXES.values()], "or")
    raise InputError(
        f"{name} is neither CSV ({', '.join(CSV_SUFFIXES)}, also .gz) nor {others}. "
        "Save the table as one of these."
    )


_ARTICLES: Mapping[FileKind, str] = {
    "Parquet": "a Parquet file",
    "Arrow": "an Arrow file",
    "Excel": "an Excel workbook",
    "SQLite": "an SQLite database",
    "JSON": "a JSON file",
}
