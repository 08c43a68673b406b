"""Reading of pipes, devices and compressed content, none of which says how large it is."""

import codecs
import gzip
import io
import os
import stat
import zlib

from revin_forecast.data.reading.files.file_kinds import has_signature
from revin_forecast.errors import InputError
from revin_forecast.utils.memory import memory_bytes

GZIP_SIGNATURE = b"\x1f\x8b"
BLOCK_BYTES = 2**22
"""Bytes that are read or decompressed at once."""
MEMORY_SHARE = 0.5
"""Largest share of the memory that the content of a file may take: reading needs more than that."""
MAX_GZIP_RATIO = 250
"""Largest ratio of decompressed to compressed bytes of a table of more than `MAX_DENSE_BYTES`."""
MAX_DENSE_BYTES = 2**27
MAX_DEFLATE_RATIO = 1032
"""Ratio of decompressed to compressed bytes that gzip can't exceed."""
CONTROL_CHARACTERS = bytes([*range(1, 9), *range(14, 27), *range(28, 32)])
MAX_CONTROL_SHARE = 0.05
"""Largest share of control characters in a text."""
SNIFF_BYTES = 2**12
"""Bytes from the beginning of a stream by which endless devices are recognized."""


def check_size(size: int, name: str) -> None:
    """Reject a content that is too large for the memory.

    Raises:
        InputError: it is.
    """
    limit = int(memory_bytes() * MEMORY_SHARE)
    if size > limit:
        raise InputError(
            f"{name} has more than {limit / 1e9:.3g} GB of text, half of the memory here, and "
            "reading needs more than twice its size. Save the table as Parquet (.parquet), which "
            "is read a few rows at a time, or split it."
        )


def read_stream(file: io.RawIOBase | io.BufferedIOBase, name: str) -> bytes:
    """Return the content of a pipe, a device or standard input.

    Raises:
        InputError: a device that is not a terminal, binary data of an unknown format, or more than
            the memory can hold.
    """
    try:
        mode = os.fstat(file.fileno()).st_mode
    except OSError:  # standard input may be replaced by an object in memory
        return _read_all(file)
    if stat.S_ISREG(mode):
        return _read_all(file)
    is_device = (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) and not file.isatty()
    blocks, size = [], 0
    while block := file.read(BLOCK_BYTES):
        if is_device:
            raise InputError(
                f"{name} is a device, which may have no end, not a table. Name a file, a pipe, or "
                "- for standard input."
            )
        if not blocks:
            _check_first_bytes(block, name)
        blocks.append(block)
        size += len(block)
        check_size(size, name)
    return b"".join(blocks)


def _read_all(file: io.RawIOBase | io.BufferedIOBase) -> bytes:
    return file.read() or b""


def decompress(data: bytes, name: str) -> bytes:
    """Decompress gzip a block at a time, so that a small file can't fill the memory.

    Raises:
        InputError: the content is damaged, not a table, or too large for the memory.
    """
    try:
        if len(data) * MAX_DEFLATE_RATIO <= MAX_DENSE_BYTES:
            return gzip.decompress(data)
        return _decompress_blocks(data, name)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{name} can't be decompressed, it is damaged or not complete ({error}). Copy or "
            "compress it again."
        ) from error


def _decompress_blocks(data: bytes, name: str) -> bytes:
    compressed = io.BytesIO(data)
    blocks, size = [], 0
    with gzip.GzipFile(fileobj=compressed) as file:
        while block := file.read(BLOCK_BYTES):
            if not blocks:
                _check_first_bytes(block, name)
            blocks.append(block)
            size += len(block)
            check_size(size, f"{name}, decompressed,")
            if size > max(MAX_DENSE_BYTES, MAX_GZIP_RATIO * compressed.tell()):
                raise InputError(
                    f"{name} has {len(data) / 1e6:.3g} MB and grows to more than "
                    f"{size / 1e6:.3g} MB when it is decompressed, more than {MAX_GZIP_RATIO} "
                    "times as much, which is not usual for a table. Decompress it and look at it; "
                    "pass the decompressed file if it is one."
                )
    return b"".join(blocks)


def _check_first_bytes(block: bytes, name: str) -> None:
    """Reject binary data of an unknown format, which may have no end."""
    top = block[:SNIFF_BYTES]
    if has_signature(top) or top.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return
    zeros = top.count(0)
    # Text in UTF-16 without a mark has a zero in every other byte.
    controls = len(top) - len(top.translate(None, CONTROL_CHARACTERS))
    if zeros > 0.8 * len(top) or controls > MAX_CONTROL_SHARE * len(top):
        raise InputError(
            f"{name} is binary data of an unknown format, not a table. Save the table as CSV UTF-8 "
            "or Parquet."
        )
