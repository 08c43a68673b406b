"""Markdown tables of rows of measurements."""

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def markdown_table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table, with numbers aligned to the right.

    The keys of the first row are the columns. Floats get four significant digits, and None is an
    empty cell.

    >>> print(markdown_table([{"data": "etth1", "mse": 0.36671}]))
    | data | mse |
    |---|---:|
    | etth1 | 0.3667 |
    """
    columns = list(rows[0])
    # None is compatible with a numeric column: any number makes it one.
    alignments = ["---:" if _is_numeric(rows, name) else "---" for name in columns]
    header = " | ".join(columns)
    body = [" | ".join(_format_cell(row[name]) for name in columns) for row in rows]
    rule = "|".join(alignments)
    return "\n".join([f"| {header} |", f"|{rule}|", *(f"| {line} |" for line in body)])


def _is_numeric(rows: Sequence[Row], column: str) -> bool:
    return any(isinstance(row[column], int | float) for row in rows)


def _format_cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
