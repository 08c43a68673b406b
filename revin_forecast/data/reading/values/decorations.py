"""Signs around numbers: currencies, percent, negatives of accountants, and marks for "missing"."""

import re

import numpy as np
import pyarrow as pa

from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.values.decimal_marks import pc
from revin_forecast.errors import InputError

PLAIN = r"^[+-]?[\d.,' \x{2019}\x{a0}\x{202f}]*\d[\d.,]*([eE][+-]?\d+)?$"
"""Pattern of a number without signs around it, in Arrow's syntax."""
CODES = (
    "USD|EUR|GBP|JPY|CHF|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|INR|CNY|BRL|MXN|ZAR|TRY|KRW|RUB|SGD"
)
SIGN = rf"US\$|R\$|[$\u20ac\u00a3\u00a5\u20b9\u20bd\u20a9%]|{CODES}"
"""Pattern of the signs that are left out if all cells have the same one."""
DECORATED = re.compile(
    rf"(?P<open>\()?\s*(?P<minus>[+-])?\s*(?P<before>{SIGN})?\s*(?P<inner>[+-])?\s*"
    r"(?P<number>\d[\d.,' \u2019\u2009\u00a0\u202f]*|[.,]\d+)\s*"
    rf"(?P<after>{SIGN})?\s*(?P<trailing>-)?\s*(?P<close>\))?"
)
MARKERS = ("-", "--", "---", ".", "..", "...", "?", "n.a.", "N.A.", "missing", "*", ":", "\u2013")
"""Texts that mean "missing" if one of them is the only text in a column of numbers."""
MIN_NUMBERS = 3
"""Fewest numbers among which a marker is certain."""


def strip_decorations(table: RawTable, name: str, text: pa.Array) -> pa.Array:
    """Return a column of text with plain numbers where all cells agree in the signs around them.

    A currency or a percent sign is left out if all numbers have the same one, (12) and 12- become
    -12, and a marker that is the only text among numbers is missing. A note says so. A column with
    any other text is returned unchanged, and rejected later.

    Args:
        table: the table of the column; receives the notes.
        name: name of the column.
        text: its cells without surrounding white space; null: missing.

    Raises:
        InputError: the numbers of the column have different currencies.
    """
    is_plain = pc.fill_null(pc.match_substring_regex(text, PLAIN), True)
    rows = np.flatnonzero(~np.asarray(is_plain))
    if not len(rows):
        return text
    cells = [str(cell) for cell in text.take(pa.array(rows)).to_pylist()]
    plain_count = len(text) - text.null_count - len(rows)
    if len(set(cells)) == 1 and cells[0] in MARKERS and plain_count >= MIN_NUMBERS:
        more = f" and {len(rows) - 1:,} more like it were" if len(rows) > 1 else " was"
        _add_note(table, name, int(rows[0]), f"{cells[0]!r}{more} treated as missing")
        return pc.if_else(is_plain, text, pa.scalar(None, text.type))
    if DECORATED.fullmatch(cells[0]) is None:  # one look suffices for most columns of text
        return text
    matches = [DECORATED.fullmatch(cell) for cell in cells]
    parsed = [match for match in matches if match is not None and _is_consistent(match)]
    if len(parsed) < len(cells):
        return text
    signs = [match["before"] or match["after"] for match in parsed]
    _check_signs(table, name, rows, signs)
    # A number without the sign of the others may be another amount.
    if any(signs) and (plain_count or not all(signs)):
        return text
    _add_sign_notes(table, name, rows, parsed, signs[0])
    values = text.to_pylist()
    for row, match in zip(rows, parsed, strict=True):
        values[row] = f"{'-' * _is_negative(match)}{match['number'].strip()}".replace("\u2009", " ")
    return pa.array(values, text.type)


def _is_consistent(match: re.Match[str]) -> bool:
    """Return whether a cell has at most one sign of each kind, and both parentheses or none."""
    minuses = sum(match[part] is not None for part in ("minus", "inner", "trailing", "open"))
    both_signs = match["before"] and match["after"]
    return bool(match["open"]) == bool(match["close"]) and minuses <= 1 and not both_signs


def _is_negative(match: re.Match[str]) -> bool:
    return bool(match["open"] or match["trailing"]) or "-" in (match["minus"], match["inner"])


def _check_signs(table: RawTable, name: str, rows: np.ndarray, signs: list[str | None]) -> None:
    """Reject a column with several currencies."""
    found = [sign for sign in signs if sign]
    for row, sign in zip(rows, signs, strict=True):
        if sign and sign != found[0]:
            raise InputError(
                f"{table.describe_position(int(row))}, column {name!r}: the sign is {sign}, but "
                f"{found[0]} above it. Write all values of a column in the same unit, or put the "
                "others in a column of their own."
            )


def _add_sign_notes(
    table: RawTable, name: str, rows: np.ndarray, parsed: list[re.Match[str]], sign: str | None
) -> None:
    if sign:
        _add_note(table, name, int(rows[0]), f"the sign {sign} of all values was left out")
    written = [bool(match["open"] or match["trailing"]) for match in parsed]
    if any(written):
        first = written.index(True)
        meaning = f"{parsed[first][0]!r} was read as a negative number"
        _add_note(table, name, int(rows[first]), meaning)


def _add_note(table: RawTable, name: str, row: int, text: str) -> None:
    position = table.describe_position(row).removeprefix(f"{table.name}, ")
    table.add_note(f"{position}, column {name!r}: {text}")
