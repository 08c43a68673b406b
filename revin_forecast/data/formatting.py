"""Names, counts and timestamps as text for messages."""

import math
from collections.abc import Sequence

from revin_forecast.errors import join_words

MAX_NAME_CHARACTERS = 100
"""Longer names are cut in messages."""


MAX_LISTED_COLUMNS = 8
"""Most columns that `format_columns` names."""


def format_names(names: Sequence[str], limit: int = 8) -> str:
    """Format names for a message; of more than `limit`, only the first ones.

    >>> format_names(["a", "b", "c"], limit=2)
    "['a', 'b', ... 3 in all]"
    """
    # A damaged file may have a "name" that is half of the file: a message stays one short line.
    short = [
        f"{name[:MAX_NAME_CHARACTERS]}..." if len(name) > MAX_NAME_CHARACTERS else name
        for name in names[:limit]
    ]
    shown = ", ".join(repr(name) for name in short)
    return f"[{shown}, ... {len(names)} in all]" if len(names) > limit else f"[{shown}]"


def format_columns(names: Sequence[str]) -> str:
    """Return the names of columns in prose.

    >>> format_columns(["a"]), format_columns(["a", "b"])
    ("column 'a'", "columns 'a' and 'b'")
    """
    # With many columns, such as forgotten ones, a message stays one line.
    shown = [repr(name) for name in names[:MAX_LISTED_COLUMNS]]
    if len(names) > len(shown):
        shown.append(f"{len(names) - len(shown)} more")
    return f"column{'' if len(names) == 1 else 's'} {join_words(shown, 'and')}"


def pluralize(number: int, noun: str) -> str:
    """Return a number and its noun, in the plural unless the number is 1.

    >>> pluralize(1, "row"), pluralize(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def format_percent(percent: float) -> str:
    """Return a whole percentage; only 0 and 100 themselves are written so.

    >>> [format_percent(value) for value in (66.5, 99.9, 100.0, 0.2, 0.0)]
    ['67 %', 'over 99 %', '100 %', 'under 1 %', '0 %']
    >>> format_percent(-12.4), format_percent(float("nan"))
    ('-12 %', 'unknown')
    """
    if not math.isfinite(percent):
        return "unknown"
    if 99.5 <= percent < 100:
        return "over 99 %"
    if 0 < percent < 0.5:
        return "under 1 %"
    # Halves are rounded up, as a reader does; `round` would give 66 for 66.5.
    return f"{math.floor(percent + 0.5):,} %"


def format_timestamp(timestamp: object) -> str:
    """Format a timestamp; midnight is omitted.

    >>> import pandas as pd
    >>> format_timestamp(pd.Timestamp("2024-01-01"))
    '2024-01-01'
    """
    return str(timestamp).removesuffix(" 00:00:00")
