"""`explain_time_cell`: the reason why a cell is not a time, and the remedy."""

import calendar
import re

import pandas as pd

from revin_forecast.data.format_timestamps import format_timestamps
from revin_forecast.data.month_names import MONTH_NUMBERS, simplify_name
from revin_forecast.data.reading.times.guess_time_forms import guess_time_forms
from revin_forecast.data.reading.times.parse_time_text import (
    CENTURY_YEAR,
    compile_form,
    parse_time_text,
)
from revin_forecast.data.table_format import TableFormat
from revin_forecast.data.time_forms import PART_SEPARATOR, is_iso_form, suggest_time_form

ISO_DATES = (
    "%Y-%m-%d",
    *(f"%Y-%m-%d{gap}%H:%M{rest}" for gap in " T" for rest in ("", ":%S", "%z", ":%S%z")),
    "%Y%m%d",
    "%Y-%m",
)
NUMBER_GROUP = re.compile(r"\(\\d\{[^)]*\}\)|\(\[1-[47]\]\)")
"""Pattern of a number's group in the pattern of a form."""
MISSING_MARK = re.compile(
    r"(?i)n\.?\s?[ad]\.?|nat|nan|none|null|unknown|missing|tba|tbd|[-?.*x]+|#.*"
)
RANGES = {
    "m": ("month", 1, 12),
    "q": ("quarter", 1, 4),
    "V": ("week", 1, 53),
    "d": ("day", 1, 31),
    "H": ("hour", 0, 24),
    "k": ("hour", 1, 24),
    "I": ("hour", 1, 12),
    "M": ("minute", 0, 59),
    "S": ("second", 0, 59),
}
"""Numbers that each directive can have."""
COUNTS = (
    (r"\d{13}", "milliseconds since 1970", "milliseconds since 1970"),
    (r"\d{16}", "microseconds since 1970", "microseconds since 1970"),
    (r"\d{19}", "nanoseconds since 1970", "nanoseconds since 1970"),
    (r"\d{9,10}(\.\d+)?", "seconds since 1970", "seconds since 1970"),
    (r"[1-6]\d{4}(\.\d+)?", "days in a spreadsheet", "days since 1899-12-30"),
)
"""Patterns of counts, their names and forms."""


def explain_time_cell(cell: object, form: str | None, others: str = "") -> str:
    """Return the end of a message on a cell that is not a time in the form of its column.

    Args:
        cell: the cell.
        form: form of the column, see `TableFormat.time_form`.
        others: "above" or "below" if cells there have the form; empty: no cell has it.

    >>> explain_time_cell("2023-02-30", "ISO 8601", "above")
    "'2023-02-30' is not a date: February 2023 has 28 days. Correct it, or delete the row."
    """
    text = "" if pd.Series([cell]).isna().all() else str(cell).strip()
    if not text:
        other = "delete the row" if others else "name another column with --time"
        example = _write_example(form)
        return f"empty is not a date or time. Fill in the cell, as {example}, or {other}."
    shown = repr(text)[:60]
    problem = _find_problem(text, form)
    if problem is not None:
        return f"{shown} is not a date: {problem}. Correct it, or delete the row."
    if others:
        reason = "stands for a missing time" if MISSING_MARK.fullmatch(text) else ""
        return (
            f"{shown} {reason or f'is not a date or time like those {others} it'}. Write it as "
            f"{_write_example(form)}, or delete the row."
        )
    expected = "" if form is None or "%" not in form else f" in the form {form}"
    return (
        f"{shown} is not a date or time{expected}, or its format is not known."
        f"{_suggest_form(text)} Write it as 2024-12-31 or 2024-12-31 23:00, or name another "
        "column with --time."
    )


def _write_example(form: str | None) -> str:
    """Return a time in the form of a column."""
    if form is None or is_iso_form(form):
        return "2024-12-31 or 2024-12-31 23:00"
    # A month, a quarter or a week is named by its first day.
    day = pd.DatetimeIndex(["2024-12-31" if re.search("%-?[dj]", form) else "2024-01-01"])
    names = [str(index) for index in range(form.count(PART_SEPARATOR) + 1)]
    cells = format_timestamps(day, TableFormat(time=names, time_form=form))
    return PART_SEPARATOR.join(map(str, cells.iloc[0]))


def _find_problem(text: str, form: str | None) -> str | None:
    """Return the part of a time that can't be; None if the text is of another kind."""
    forms = [form] if form is not None and "%" in form else list(ISO_DATES)
    for candidate in forms:
        pattern, directives = compile_form(candidate)
        loose = NUMBER_GROUP.sub(r"(\\d+)", pattern)
        match = re.fullmatch(pattern, text, re.IGNORECASE)
        # Numbers without a separator have no place of their own.
        if match is None and r"(\d+)(\d+)" not in loose:
            match = re.fullmatch(loose, text, re.IGNORECASE)
        if match:
            parts = dict(zip(directives, match.groups(), strict=True))
            return _find_wrong_part(parts) or _find_wrong_weekday(parts, text, candidate)
    return None


def _find_wrong_part(parts: dict[str, str]) -> str | None:
    """Return the first part of a time that is out of range."""
    for name, digits in (("Y", 4), ("G", 4), ("y", 2)):
        if name in parts and len(parts[name]) != digits:
            count = len(parts[name])
            return f"its year {parts[name]} has {count} digit{'s' if count > 1 else ''}"
    for name, (noun, low, high) in RANGES.items():
        if name in parts and not low <= int(parts[name]) <= high:
            return f"there is no {noun} {int(parts[name])}"
    for name in ("b", "B"):
        if name in parts and simplify_name(parts[name]) not in MONTH_NUMBERS:
            return f"there is no month {parts[name]!r}"
    year, month = _read_year(parts), _read_month(parts)
    if year and month and "d" in parts and int(parts["d"]) > (last := _count_days(year, month)):
        return f"{calendar.month_name[month]} {year} has {last} days"
    if "V" in parts and int(parts["V"]) == 53:
        return f"the year {parts.get('G', '')} has 52 weeks"
    return None


def _find_wrong_weekday(parts: dict[str, str], text: str, form: str) -> str | None:
    """Return the weekday of a date whose own is another."""
    for name in ("a", "A"):
        if name in parts:
            plain = re.sub(rf"%{name}\.?", parts[name], form)
            stamp = parse_time_text(pd.Series([text], dtype=object), plain)[0]
            return None if pd.isna(stamp) else f"the day is a {stamp:%A}"
    return None


def _read_year(parts: dict[str, str]) -> int | None:
    if "Y" in parts:
        return int(parts["Y"])
    if "y" in parts:
        return int(parts["y"]) + (2000 if int(parts["y"]) < CENTURY_YEAR else 1900)
    return None


def _read_month(parts: dict[str, str]) -> int | None:
    if "m" in parts:
        return int(parts["m"])
    name = parts.get("b", parts.get("B"))
    return None if name is None else MONTH_NUMBERS.get(simplify_name(name))


def _count_days(year: int, month: int) -> int:
    return calendar.monthrange(max(1, year), month)[1]


def _suggest_form(text: str) -> str:
    """Return advice on a kind of times that is read if its form is given."""
    for pattern, noun, form in COUNTS:
        if re.fullmatch(pattern, text):
            return f" It looks like a count of {noun}; if so, pass {suggest_time_form(form)}."
    if re.fullmatch(r"\d{1,2}:\d{2}.*", text):
        return " A time of day needs its date."
    if re.fullmatch(r"[^\W\d_]+\.?", text) and simplify_name(text) in MONTH_NUMBERS:
        return " A month needs its year: name both columns, as in --time year month."
    forms = guess_time_forms(text)
    return f" It may have a form that you can give: {suggest_time_form(*forms)}." if forms else ""
