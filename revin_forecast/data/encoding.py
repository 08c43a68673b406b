"""Bytes of text as UTF-8, where it is certain what they mean."""

import codecs
import re

from revin_forecast.errors import InputError

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
