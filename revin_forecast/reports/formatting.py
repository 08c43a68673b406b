"""Numbers and names as text, the same in the page, in its plots and in the summary."""

import math
from collections.abc import Sequence
from html import escape

MISSING = "-"
"""Stands where there is no number."""


def format_number(value: float | None, digits: int = 3) -> str:
    """Return a number of few digits, as many for 1.5 as for 1.49.

    >>> shown(0.123456), shown(1.5), shown(-1234.5), shown(150.2, digits=2)
    ('0.123', '1.50', '-1234', '150')
    >>> shown(4.2e-7), shown(float("nan"))
    ('4.20e-07', '-')
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    whole = 10**digits <= abs(float(f"{value:.{digits}g}")) < 1e6
    return f"{value:.0f}" if whole else f"{value:#.{digits}g}".rstrip(".")


def format_tick(value: float) -> str:
    """Return the label of a tick: no digit that says nothing.

    >>> tick(0.50), tick(2000.0)
    ('0.5', '2000')
    """
    return f"{value:.4g}"


def format_interval(value: float, low: float, high: float) -> str:
    """Return a number and its interval; without one, the number alone.

    >>> interval(0.5214, 0.4911, 0.55), interval(0.5, float("nan"), float("nan"))
    ('0.521 [0.491, 0.550]', '0.500')
    """
    if math.isnan(low) or math.isnan(high):
        return format_number(value)
    return f"{format_number(value)} [{format_number(low)}, {format_number(high)}]"


def to_sentence(text: str) -> str:
    """Return words as a sentence.

    >>> sentence("because it moved")
    'Because it moved.'
    """
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def truncate(name: str, max_length: int = 28) -> str:
    """Shorten a long name.

    >>> trimmed("abcdefgh", 5)
    'abcd…'
    """
    return name if len(name) <= max_length else name[: max_length - 1] + "…"


def join_first(names: Sequence[str], max_names: int = 4) -> str:
    """Return names in a sentence, of many the first few.

    >>> few_of(["a", "b"]), few_of(["a", "b", "c"], most=1)
    ('a, b', 'a and 2 more')
    """
    shown = ", ".join(map(truncate, names[:max_names]))
    return shown if len(names) <= max_names else f"{shown} and {len(names) - max_names:,} more"


def format_label(name: str, max_length: int = 28) -> str:
    """Return a name for a plot, where plotly takes tags for markup: shortened, then escaped.

    >>> label("<b>")
    '&lt;b&gt;'
    """
    return escape(truncate(name, max_length), quote=False)


def format_duration(value: float) -> str:
    """Return a duration.

    >>> seconds(3.21), seconds(75.0), seconds(7265.0)
    ('3.2 s', '1 min 15 s', '2 h 1 min')
    """
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
