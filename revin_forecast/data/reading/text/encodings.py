"""Decoding of a table's text: byte order marks, UTF-8, and older encodings if they are certain."""

import codecs
import re

from revin_forecast.data.reading.text.guess_encoding import guess_encoding, suggest_encodings
from revin_forecast.errors import InputError

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
# Signs (euro, dashes, no-break space, section, copyright, degree, plus-minus, micro; cubic metres)
# that are the same in all code pages of Windows, alone among ASCII characters: in the encodings of
# East Asia, such a byte is followed by a second one of 0x40 or more. The byte of the pound is a
# letter in some of these pages, but not next to a number.
_LONE_SIGNS = re.compile(
    rb"(?<![\x80-\xff])[\x80\x96\x97\xa0\xa7\xa9\xae\xb0\xb1\xb5](?![\x40-\xff])"
    rb"|(?<![A-Za-z\x80-\xff])[kcdm]?m[\xb2\xb3](?![A-Za-z\x80-\xff])"
    rb"|(?<![A-Za-z\x80-\xff])\xa3(?= ?-?[.\d])|(?<=\d)\xa3(?![A-Za-z\x80-\xff])"
)


def decode_to_utf8(
    data: bytes, name: str, given: str | None = None, like: str | None = None
) -> tuple[bytes, str, str | None]:
    """Return text as UTF-8 without a byte order mark, its encoding, and a note on a guess.

    UTF-16 and UTF-32 are recognized by their mark. Other bytes that are not UTF-8 are decoded as
    Windows-1252, but only if every letter is the same in all Latin code pages, or as the only
    encoding of East Asia or Russia in which they are usual words.

    Args:
        data: content of a text file.
        name: name of the file, for messages.
        given: the encoding; None: detect it.
        like: encoding to use where it is ambiguous; None: reject the file.

    Raises:
        InputError: the encoding is ambiguous, or the content is not text.
    """
    note = None
    marked = next((mark for mark in BYTE_ORDER_MARKS if data.startswith(mark)), None)
    if marked is not None:
        encoding = BYTE_ORDER_MARKS[marked]
        data = _decode(data[len(marked) :], encoding, f"it is marked as {encoding.upper()}", name)
    elif given is not None:
        encoding = given
        data = _decode(data, encoding, f"--encoding or its format says {encoding}", name)
    else:
        data, encoding, note = _decode_unmarked(data, name, like)
    if b"\0" in data:
        raise InputError(
            f"{name}, line {_find_line_number(data, data.index(0))} contains a zero byte: "
            f"{_explain_zeros(data)}"
        )
    return data, encoding, note


def _explain_zeros(data: bytes) -> str:
    """Return the cause of zero bytes, and the remedy."""
    # Every second byte of ASCII characters in UTF-16 is zero.
    if data.count(0) < len(data) / 4 or b"\0\0\0" in data:
        return "the file is damaged, or is not text. Save it again, or delete the zero bytes."
    return (
        "the file is not text, or it is UTF-16 without a byte order mark. Save it as CSV UTF-8, or "
        "pass --encoding utf-16-le or --encoding utf-16-be."
    )


def _decode_unmarked(data: bytes, name: str, like: str | None) -> tuple[bytes, str, str | None]:
    if data.isascii():  # much faster than decoding
        return data, "utf-8", None
    try:
        data.decode()
        return data, "utf-8", None
    except UnicodeDecodeError as error:
        if _AMBIGUOUS_BYTES.search(data) is None:
            return data.decode("cp1252").encode(), "cp1252", None
        if like not in (None, "utf-8", "utf-8-sig"):
            return _decode(data, like, f"the earlier table was {like}", name), like, None
        line = _find_line_number(data, error.start)
        is_latin = _AMBIGUOUS_BYTES.search(_LONE_SIGNS.sub(b" ", data)) is None
        guess = "cp1252" if is_latin else guess_encoding(data)
        if guess is not None:
            note = f"{name}, line {line}: the text is not UTF-8 and was read as {guess}"
            return data.decode(guess).encode(), guess, note
        raise InputError(
            f"{name}, line {line} is not UTF-8 text (byte 0x{data[error.start]:02X}), and its "
            f"encoding is ambiguous. Save it as CSV UTF-8, or pass {suggest_encodings(data)}."
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
