"""Parsing of a table's time column: which column it is, its format and its timestamps."""

import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import (
    is_bool_dtype,
    is_datetime64_any_dtype,
    is_float_dtype,
    is_numeric_dtype,
)
from pandas.tseries.api import guess_datetime_format

from revin_forecast.data.formatting import format_names, pluralize
from revin_forecast.data.reading.delimited import suggest_separator
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.errors import InputError

TIME_NAMES = ("date", "ds", "time", "timestamp", "datetime")
YEAR_NAME = "year"
"""Name of a numeric column that is the time column if there is no other."""
SNIFF_ROWS = 100
"""Rows from the top by which a column is recognized as a time column."""
MONTH_WORDS = {"%b %Y": r"[A-Za-z]{3} \d{4}", "%B %Y": r"[A-Za-z]{4,} \d{4}"}
MONTH_FORMATS = {"%m/%Y": r"\d{1,2}/\d{4}", "%m.%Y": r"\d{1,2}\.\d{4}"} | MONTH_WORDS
UTC_OFFSET = r"(?:[zZ]|[T :]\d{2}[\d:.,]* ?[+-]\d{2}(?::?\d{2})?)$"


def find_time_column(
    table: RawTable, named: str | None = None, others: Sequence[str | None] = ()
) -> str:
    """Return the time column: the one named, one with a usual name, or one that can be parsed.

    Args:
        table: the table as it was read.
        named: name of the column; None: find it.
        others: columns that have another role.

    Raises:
        InputError: the column named does not exist, no column can be parsed, or several can.
    """
    if named is not None:
        table.require_column(named, "--time")
        return named
    names = [name for name in table.names if name not in others]
    usual = [name for name in names if name.strip().lower() in TIME_NAMES]
    # A column with a usual name may hold other things (elapsed time), so its cells are tried.
    likely = [name for name in usual if _looks_like_times(_read_unconverted(table, name))]
    if not usual:
        columns = {name: _read_unconverted(table, name) for name in names}
        texts = {name: column for name, column in columns.items() if not is_numeric_dtype(column)}
        likely = [name for name, column in texts.items() if _looks_like_times(column)]
    # Years are numbers like others, so only the name and distinct values make them times.
    if not usual and not likely:
        likely = [
            name for name in names if name.strip().lower() == YEAR_NAME and _are_years(table, name)
        ]
    if len(likely) > 1:
        raise InputError(
            f"{table.name} has several columns that may be the time: {format_names(likely)}. Name "
            "the one with --time."
        )
    # Date and time of day in two columns: the dates alone would repeat.
    clocks = [name for name in usual if name not in likely and _is_clock(table.column(name))]
    if likely and clocks:
        raise InputError(
            f"{table.name} has the day in column {likely[0]!r} and the hour in {clocks[0]!r}. Join "
            "them into one column, like 2024-12-31 23:00, or name the one that counts with --time."
        )
    # A usual name wins even if some cells can't be parsed; the parser then reports their line.
    if likely or usual:
        return (likely or usual)[0]
    title = " If the first line is a title, delete the lines above the names."
    raise InputError(
        f"{table.name} has no time column among its {pluralize(len(table.names), 'column')} "
        f"{format_names(table.names)}. Write times as 2024-12-31, in a column called date; or name "
        "the column with --time if it is one of numbers (202412)."
        f"{suggest_separator(table.names[0]) if len(table.names) == 1 else ''}"
        f"{title if '' in table.names else ''}"
    )


def parse_timestamps(table: RawTable, name: str) -> pd.DatetimeIndex:
    """Return the timestamps of a column: ISO 8601, or any one format with a four-digit year.

    Numbers may be years (2024), months (202412) or days (20241231). The order of day and month is
    the one that fits all rows. Timestamps with several offsets from UTC (daylight saving) become
    UTC.

    Raises:
        InputError: a cell is empty or not a time (the message has its line), or both orders of day
            and month fit all rows.
    """
    column = _read_unconverted(table, name)
    stamps = _parse_column(column)
    # The month comes first unless some row, such as 13/01/2024, needs the day first.
    if stamps.hasnans:
        day_first = _parse_column(column, day_first=True)
        stamps = stamps if day_first.isna().sum() > stamps.isna().sum() else day_first
    # If both orders fit all rows, a guess could change every date, so the table is rejected.
    elif _has_ambiguous_order(column):
        day_first = _parse_column(column, day_first=True)
        differ = np.flatnonzero(stamps != day_first)
        if not day_first.hasnans and len(differ):
            row = int(differ[0])
            raise InputError(
                f"{table.describe_position(row)}, column {name!r}: {column.iloc[row]!r} may be "
                f"{stamps[row]} or {day_first[row]}, and so may every other row. Write dates as "
                "2024-12-31."
            )
    invalid_rows = np.flatnonzero(stamps.isna())
    if len(invalid_rows):
        row = int(invalid_rows[0])
        cell = column.iloc[row]
        shown = "empty" if pd.isna(cell) or cell == "" else repr(str(cell))[:60]
        reason = " like those above it" if row else ", or its format is not known"
        raise InputError(
            f"{table.describe_position(row)}, column {name!r}: {shown} is not a date or time"
            f"{reason}.{_suggest_fix(cell)} Write it as 2024-12-31 or 2024-12-31 23:00, or name "
            "another column with --time."
        )
    return stamps


def is_timestamp(text: str) -> bool:
    """Return whether a text, such as the name of a column, is itself a timestamp."""
    return not _parse_column(pd.Series([text])).hasnans


def _read_unconverted(table: RawTable, name: str) -> pd.Series:
    """Return a column; as text if the CSV reader's conversion lost information.

    The reader converts every time zone to UTC, and 01.2012 to a number.
    """
    column = table.column(name)
    if table.source is None:
        return column
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return table.text_column(name)
    if is_float_dtype(column) and _may_be_months(column.head(SNIFF_ROWS).dropna()):
        text = table.text_column(name)
        head = text.head(SNIFF_ROWS).dropna()
        return text if len(head) and head.str.fullmatch(MONTH_FORMATS["%m.%Y"]).all() else column
    return column


def _may_be_months(numbers: pd.Series) -> bool:
    """Return whether all numbers are between 1.2012 and 12.2012, for any year.

    This saves most tables a second pass over the file for the text of the column.
    """
    year = (numbers % 1 * 10_000).round()
    return bool((numbers.between(1, 13) & year.between(1000, 9999)).all())


def _are_years(table: RawTable, name: str) -> bool:
    """Return whether a column holds distinct years."""
    column = table.column(name)
    return bool(column.is_unique) and _looks_like_times(column)


def _looks_like_times(column: pd.Series) -> bool:
    head = column.head(SNIFF_ROWS)
    if not is_numeric_dtype(head) and not is_datetime64_any_dtype(head):
        first = str(next((cell for cell in head if not pd.isna(cell)), ""))
        if not re.match(r"\s*(\d{1,4}[-/. ]|\d{4}[qQ]|\d{4,8}\s*$|[A-Za-z]{3})", first):
            return False  # trying all formats is slow for thousands of columns
    return any(
        len(head) and not _parse_column(head, day_first).hasnans for day_first in (False, True)
    )


def _is_clock(column: pd.Series) -> bool:
    cells = [str(cell) for cell in column.head(SNIFF_ROWS)]
    return all(re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", cell) for cell in cells)


def _parse_column(column: pd.Series, day_first: bool = False) -> pd.DatetimeIndex:
    """Parse a column to timestamps, NaT where a cell can't be parsed."""
    if is_bool_dtype(column):  # numeric for pandas
        return pd.DatetimeIndex([pd.NaT] * len(column))
    if is_numeric_dtype(column):
        return _parse_numeric_dates(column)
    if is_datetime64_any_dtype(column):
        return pd.DatetimeIndex(column)
    if isinstance(column.dtype, pd.PeriodDtype):
        return pd.DatetimeIndex(pd.PeriodIndex(column).to_timestamp())
    is_text = isinstance(column.dtype, pd.StringDtype)
    if not is_text and not all(isinstance(cell, str) or pd.isna(cell) for cell in column):
        return _parse_objects(column)
    text = column.str.strip().replace("", None)
    # ISO 8601 first: it is unambiguous, and pandas parses it fastest.
    iso_stamps = _parse_format(text, "ISO8601")
    if iso_stamps is not None and not iso_stamps.hasnans:
        return iso_stamps
    # One format for all rows, guessed from the first cell: mixed formats hide swapped days.
    first = str(next((cell for cell in text if not pd.isna(cell)), ""))
    parsed = [_parse_format(text, form) for form in _list_possible_formats(first, day_first)]
    results = [
        stamps for stamps in [iso_stamps, *parsed, _parse_quarters(text)] if stamps is not None
    ]
    if not results:
        return pd.DatetimeIndex([pd.NaT] * len(text))
    return min(results, key=lambda stamps: int(stamps.isna().sum()))


def _parse_format(text: pd.Series, form: str) -> pd.DatetimeIndex | None:
    """Parse one format; None if some rows have an offset from UTC and others have not."""
    try:
        return _convert_to_times(text, format=form)
    except ValueError:  # several offsets
        if not text.dropna().str.contains(UTC_OFFSET).all():
            return None
        return _convert_to_times(text, format=form, utc=True)


def _convert_to_times(cells: pd.Series, **options: Any) -> pd.DatetimeIndex:
    """Convert cells with `pd.to_datetime`; NaT where that fails, ValueError on several offsets."""
    with warnings.catch_warnings():
        # Of several offsets pandas 2 warns and returns objects; the index then rejects them.
        warnings.filterwarnings("ignore", message=".*parsing datetimes with mixed time zones")
        return pd.DatetimeIndex(pd.to_datetime(cells, errors="coerce", **options))


def _list_possible_formats(first: str, day_first: bool) -> list[str]:
    """Return the formats that fit the first cell and have a four-digit year."""
    forms = [form for form, pattern in MONTH_FORMATS.items() if re.fullmatch(pattern, first)]
    # Pandas does not guess a 12-hour clock, so 11:30 PM is guessed without its last word.
    half_day = re.fullmatch(r"(.*\d) ?([AaPp][Mm])", first)
    with warnings.catch_warnings():
        # Pandas warns if only the other order of day and month fits; both orders are tried.
        warnings.filterwarnings("ignore", message="Parsing dates in .* format when dayfirst=")
        guess = guess_datetime_format(half_day[1] if half_day else first, dayfirst=day_first)
    # Two-digit years are rejected, and so is a guess of year, day, month.
    if guess and "%Y" in guess and not re.search("%Y.*%d.*%m", guess):
        space = " " if " " in first[-3:-2] else ""
        forms.append(guess.replace("%H", "%I") + f"{space}%p" if half_day else guess)
    return forms


def _parse_quarters(text: pd.Series) -> pd.DatetimeIndex | None:
    """Parse 2024Q1 and 2024-Q1 to the start of each quarter."""
    parts = text.str.extract(r"^(\d{4})[- ]?[qQ]([1-4])$")
    if parts[0].isna().all():
        return None
    month = parts[1].map({str(quarter): f"{3 * quarter - 2:02d}" for quarter in range(1, 5)})
    return pd.DatetimeIndex(pd.to_datetime(parts[0] + "-" + month, format="%Y-%m", errors="coerce"))


def _parse_numeric_dates(column: pd.Series) -> pd.DatetimeIndex:
    """Parse whole numbers of four digits as years, of six as months, of eight as days."""
    numbers = pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan))
    for form, low, high in (("%Y", 1000, 9999), ("%Y%m", 180001, 219912), ("%Y%m%d", 18e6, 22e6)):
        whole = numbers.where(numbers.between(low, high) & (numbers % 1 == 0))
        if whole.notna().any():
            text = whole.astype("Int64").astype(str)
            return pd.DatetimeIndex(pd.to_datetime(text, format=form, errors="coerce"))
    return pd.DatetimeIndex([pd.NaT] * len(numbers))


def _parse_objects(column: pd.Series) -> pd.DatetimeIndex:
    """Parse a column of Python's dates and times; numbers in it become NaT."""
    numbers = column.map(lambda cell: isinstance(cell, int | float) and not pd.isna(cell))
    try:
        # Pandas would take numbers for nanoseconds since 1970.
        cells = column.where(~numbers.astype(bool), None)
        return _convert_to_times(cells, format="ISO8601")
    except (ValueError, TypeError):  # several offsets, or other objects
        try:
            return _convert_to_times(column, utc=True)
        except (ValueError, TypeError):
            return pd.DatetimeIndex([pd.NaT] * len(column))


def _has_ambiguous_order(column: pd.Series) -> bool:
    """Return whether the first cell begins with the day or the month as a number."""
    if is_numeric_dtype(column) or is_datetime64_any_dtype(column) or not len(column):
        return False
    return re.match(r"\s*\d{1,2}\D", str(column.iloc[0])) is not None


def _suggest_fix(cell: object) -> str:
    text = str(cell)
    if re.fullmatch(r"\d{1,2}([/.-])\d{1,2}\1\d{2}\b.*", text):
        return " A year of two digits is ambiguous."
    if re.fullmatch(r"\d{9,10}(\.\d+)?|\d{13}|\d{16}|\d{19}", text):
        return " It looks like a count of seconds since 1970."
    if re.fullmatch(r"[1-6]\d{4}(\.\d+)?", text):
        return " It looks like a spreadsheet's count of days."
    if re.fullmatch(r"\d{1,2}:\d{2}.*", text):
        return " A time of day needs its date."
    return ""
