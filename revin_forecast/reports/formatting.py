"""Numbers and names formatted as text, identically in page, plots and summary."""

import math
from collections.abc import Sequence
from html import escape

MISSING = "-"
"""Text for a missing number."""


def format_number(value: float | None, digits: int = 3) -> str:
    """Return a number rounded to significant digits, trailing zeros included.

    >>> format_number(0.123456), format_number(1.5), format_number(-1234.5)
    ('0.123', '1.50', '-1234')
    >>> format_number(150.2, digits=2), format_number(4.2e-7), format_number(float("nan"))
    ('150', '4.20e-07', '-')
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    # "#.3g" would write 1234 as 1.23e+03. Rounding first decides correctly at 999.6, too.
    without_decimals = 10**digits <= abs(float(f"{value:.{digits}g}")) < 1e6
    return f"{value:.0f}" if without_decimals else f"{value:#.{digits}g}".rstrip(".")


def format_tick(value: float) -> str:
    """Return the label of an axis tick, without trailing zeros.

    >>> format_tick(0.50), format_tick(2000.0)
    ('0.5', '2000')
    """
    return f"{value:.4g}"


def format_interval(value: float, low: float, high: float) -> str:
    """Return a number and its interval, or the number alone if a bound is NaN.

    >>> format_interval(0.5214, 0.4911, 0.55)
    '0.521 [0.491, 0.550]'
    >>> format_interval(0.5, float("nan"), float("nan"))
    '0.500'
    """
    if math.isnan(low) or math.isnan(high):
        return format_number(value)
    return f"{format_number(value)} [{format_number(low)}, {format_number(high)}]"


def to_sentence(text: str) -> str:
    """Return text with a capital first letter and a final full stop.

    >>> to_sentence("because it moved")
    'Because it moved.'
    """
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def truncate(name: str, max_length: int = 28) -> str:
    """Shorten a long name; an ellipsis replaces its end.

    >>> truncate("abcdefgh", 5)
    'abcd…'
    """
    return name if len(name) <= max_length else name[: max_length - 1] + "…"


def join_first(names: Sequence[str], max_names: int = 4) -> str:
    """Return the first names joined by commas, and the number of further ones.

    >>> join_first(["a", "b"]), join_first(["a", "b", "c"], max_names=1)
    ('a, b', 'a and 2 more')
    """
    shown = ", ".join(map(truncate, names[:max_names]))
    return shown if len(names) <= max_names else f"{shown} and {len(names) - max_names:,} more"


def format_label(name: str, max_length: int = 28) -> str:
    """Return a name for a plot: shortened, then escaped, since plotly interprets tags as markup.

    >>> format_label("<b>")
    '&lt;b&gt;'
    """
    # Escaping comes last: cutting an entity such as &lt; in two would break it.
    return escape(truncate(name, max_length), quote=False)


def format_duration(value: float) -> str:
    """Return a duration in seconds as text.

    >>> format_duration(3.21), format_duration(75.0), format_duration(7265.0)
    ('3.2 s', '1 min 15 s', '2 h 1 min')
    """
    if value < 60:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"
