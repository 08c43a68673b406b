"""Columns into time stamps: which column holds them, in what form, and what is no time."""

import re
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api.types import (
    is_bool_dtype,
    is_datetime64_any_dtype,
    is_float_dtype,
    is_numeric_dtype,
)
from pandas.tseries.api import guess_datetime_format

from revin_forecast.data.reading.delimited import separator_hint
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.series import format_names, pluralize
from revin_forecast.errors import InputError

TIME_NAMES = ("date", "ds", "time", "timestamp", "datetime")
YEAR_NAME = "year"
"""A column of numbers that is one of times if nothing else is."""
SNIFF_ROWS = 100
"""Rows from the top by which a column is taken for times."""
MONTH_WORDS = {"%b %Y": r"[A-Za-z]{3} \d{4}", "%B %Y": r"[A-Za-z]{4,} \d{4}"}
MONTH_FORMATS = {"%m/%Y": r"\d{1,2}/\d{4}", "%m.%Y": r"\d{1,2}\.\d{4}"} | MONTH_WORDS
UTC_OFFSET = r"(?:[zZ]|[T :]\d{2}[\d:.,]* ?[+-]\d{2}(?::?\d{2})?)$"


def find_time_column(
    table: RawTable, named: str | None = None, others: Sequence[str | None] = ()
) -> str:
    """Return the time column: the one named, one of a usual name, or the one that parses.

    Args:
        table: as it was read.
        named: its name; None: find it.
        others: columns that are something else.

    Raises:
        InputError: it is not there, none parses, or several may be meant.
    """
    if named is not None:
        table.require_column(named, "--time")
        return named
    names = [name for name in table.names if name not in others]
    usual = [name for name in names if name.strip().lower() in TIME_NAMES]
    likely = [name for name in usual if _looks_like_times(_column_as_written(table, name))]
    if not usual:
        written = {name: _column_as_written(table, name) for name in names}
        texts = {name: one for name, one in written.items() if not is_numeric_dtype(one)}
        likely = [name for name, one in texts.items() if _looks_like_times(one)]
    if not usual and not likely:
        likely = [
            name for name in names if name.strip().lower() == YEAR_NAME and _are_years(table, name)
        ]
    if len(likely) > 1:
        raise InputError(
            f"{table.name} has several columns that may be the time: {format_names(likely)}. Name the "
            "one with --time."
        )
    clocks = [name for name in usual if name not in likely and _is_clock(table.column(name))]
    if likely and clocks:
        raise InputError(
            f"{table.name} has the day in column {likely[0]!r} and the hour in {clocks[0]!r}. Join "
            "them into one column, like 2024-12-31 23:00, or name the one that counts with --time."
        )
    if likely or usual:
        return (likely or usual)[0]  # what does not parse in it is told with its line
    title = " If the first line is a title, delete what stands above the names."
    raise InputError(
        f"{table.name} has no time column among its {pluralize(len(table.names), 'column')} "
        f"{format_names(table.names)}. Write times as 2024-12-31, in a column called date; or name the "
        "column with --time if it is one of numbers (202412)."
        f"{separator_hint(table.names[0]) if len(table.names) == 1 else ''}"
        f"{title if '' in table.names else ''}"
    )


def parse_timestamps(table: RawTable, name: str) -> pd.DatetimeIndex:
    """Return a column's time stamps: ISO 8601 or any one form with the whole year; whole years too.

    Whether the day or the month stands first is told by the rows; none may fail. Stamps with
    several offsets from UTC (daylight saving) become UTC.

    Raises:
        InputError: a cell that is empty or no time, with its line; or the rows leave it open
            whether the day or the month stands first.
    """
    column = _column_as_written(table, name)
    stamps = _parse_column(column)
    if stamps.hasnans:
        other = _parse_column(column, day_first=True)
        stamps = stamps if other.isna().sum() > stamps.isna().sum() else other
    elif _has_ambiguous_order(column):
        other = _parse_column(column, day_first=True)
        differ = np.flatnonzero(stamps != other)
        if not other.hasnans and len(differ):
            row = int(differ[0])
            raise InputError(
                f"{table.describe_position(row)}, column {name!r}: {column.iloc[row]!r} may be {stamps[row]} "
                f"or {other[row]}, and so may every other row. Write dates as 2024-12-31."
            )
    bad = np.flatnonzero(stamps.isna())
    if len(bad):
        cell = column.iloc[bad[0]]
        shown = "empty" if pd.isna(cell) or cell == "" else repr(str(cell))[:60]
        like = " like those above it" if bad[0] else ", or of a form that is not known"
        raise InputError(
            f"{table.describe_position(int(bad[0]))}, column {name!r}: {shown} is no date or time{like}."
            f"{_hint(cell)} Write it as 2024-12-31 or 2024-12-31 23:00, or name another "
            "column with --time."
        )
    return stamps


def _column_as_written(table: RawTable, name: str) -> pd.Series:
    """Return a column as it is; letter by letter where the CSV reader took more than it says.

    It turns every zone into UTC, and 01.2012 into a number.
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
    """Return whether 1.2012 to 12.2012 is all there is: to look at the letters reads the file."""
    year = (numbers % 1 * 10_000).round()
    return bool((numbers.between(1, 13) & year.between(1000, 9999)).all())


def _are_years(table: RawTable, name: str) -> bool:
    """Return whether a column holds years, each once."""
    column = table.column(name)
    return bool(column.is_unique) and _looks_like_times(column)


def is_timestamp(text: str) -> bool:
    """Return whether a word, such as a column's name, is a time stamp itself."""
    return not _parse_column(pd.Series([text])).hasnans


def _looks_like_times(column: pd.Series) -> bool:
    head = column.head(SNIFF_ROWS)
    if not is_numeric_dtype(head) and not is_datetime64_any_dtype(head):
        first = str(next((cell for cell in head if not pd.isna(cell)), ""))
        if not re.match(r"\s*(\d{1,4}[-/. ]|\d{4}[qQ]|\d{4,8}\s*$|[A-Za-z]{3})", first):
            return False  # to try all forms on thousands of columns takes long
    return any(
        len(head) and not _parse_column(head, day_first).hasnans for day_first in (False, True)
    )


def _is_clock(column: pd.Series) -> bool:
    cells = [str(cell) for cell in column.head(SNIFF_ROWS)]
    return all(re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", cell) for cell in cells)


def _parse_column(column: pd.Series, day_first: bool = False) -> pd.DatetimeIndex:
    """Parse to time stamps, NaT where that fails."""
    if is_bool_dtype(column):
        return pd.DatetimeIndex([pd.NaT] * len(column))
    if is_numeric_dtype(column):
        return _parse_numeric_dates(column)
    if is_datetime64_any_dtype(column):
        return pd.DatetimeIndex(column)
    if isinstance(column.dtype, pd.PeriodDtype):
        return pd.DatetimeIndex(pd.PeriodIndex(column).to_timestamp())
    textual = isinstance(column.dtype, pd.StringDtype)
    if not textual and not all(isinstance(cell, str) or pd.isna(cell) for cell in column):
        return _parse_objects(column)
    text = column.str.strip().replace("", None)
    stamps = _parse_format(text, "ISO8601")
    if stamps is not None and not stamps.hasnans:
        return stamps
    first = str(next((cell for cell in text if not pd.isna(cell)), ""))
    tried = [_parse_format(text, form) for form in _possible_formats(first, day_first)]
    found = [one for one in [stamps, *tried, _parse_quarters(text)] if one is not None]
    if not found:
        return pd.DatetimeIndex([pd.NaT] * len(text))
    return min(found, key=lambda one: int(one.isna().sum()))


def _parse_format(text: pd.Series, form: str) -> pd.DatetimeIndex | None:
    """Parse one form; None where some rows have an offset from UTC and others none."""
    try:
        return pd.DatetimeIndex(pd.to_datetime(text, format=form, errors="coerce"))
    except ValueError:  # several offsets
        if not text.dropna().str.contains(UTC_OFFSET).all():
            return None
        return pd.DatetimeIndex(pd.to_datetime(text, format=form, errors="coerce", utc=True))


def _possible_formats(first: str, day_first: bool) -> list[str]:
    """Return the forms that the first cell may have; all tell the whole year."""
    forms = [form for form, shape in MONTH_FORMATS.items() if re.fullmatch(shape, first)]
    half = re.fullmatch(r"(.*\d) ?([AaPp][Mm])", first)  # of a day: 11:30 PM
    with warnings.catch_warnings():
        # Said when only the other order of day and month fits.
        warnings.filterwarnings("ignore", message="Parsing dates in .* format when dayfirst=")
        guess = guess_datetime_format(half[1] if half else first, dayfirst=day_first)
    if guess and "%Y" in guess and not re.search("%Y.*%d.*%m", guess):
        space = " " if " " in first[-3:-2] else ""
        forms.append(guess.replace("%H", "%I") + f"{space}%p" if half else guess)
    return forms


def _parse_quarters(text: pd.Series) -> pd.DatetimeIndex | None:
    """Parse 2024Q1 and 2024-Q1, the start of each quarter."""
    parts = text.str.extract(r"^(\d{4})[- ]?[qQ]([1-4])$")
    if parts[0].isna().all():
        return None
    month = parts[1].map({str(quarter): f"{3 * quarter - 2:02d}" for quarter in range(1, 5)})
    return pd.DatetimeIndex(pd.to_datetime(parts[0] + "-" + month, format="%Y-%m", errors="coerce"))


def _parse_numeric_dates(column: pd.Series) -> pd.DatetimeIndex:
    """Take whole numbers of four digits for years, of six for months, of eight for days."""
    numbers = pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan))
    for form, low, high in (("%Y", 1000, 9999), ("%Y%m", 180001, 219912), ("%Y%m%d", 18e6, 22e6)):
        whole = numbers.where(numbers.between(low, high) & (numbers % 1 == 0))
        if whole.notna().any():
            text = whole.astype("Int64").astype(str)
            return pd.DatetimeIndex(pd.to_datetime(text, format=form, errors="coerce"))
    return pd.DatetimeIndex([pd.NaT] * len(numbers))


def _parse_objects(column: pd.Series) -> pd.DatetimeIndex:
    """Parse Python's dates and times; numbers among them are none."""
    numbers = column.map(lambda cell: isinstance(cell, int | float) and not pd.isna(cell))
    try:
        cells = column.where(~numbers.astype(bool), None)
        return pd.DatetimeIndex(pd.to_datetime(cells, format="ISO8601", errors="coerce"))
    except (ValueError, TypeError):  # several offsets, or what is neither text nor time
        try:
            return pd.DatetimeIndex(pd.to_datetime(column, errors="coerce", utc=True))
        except (ValueError, TypeError):
            return pd.DatetimeIndex([pd.NaT] * len(column))


def _has_ambiguous_order(column: pd.Series) -> bool:
    """Return whether a form begins with neither the year nor a word: the day or the month."""
    if is_numeric_dtype(column) or is_datetime64_any_dtype(column) or not len(column):
        return False
    return re.match(r"\s*\d{1,2}\D", str(column.iloc[0])) is not None


def _hint(cell: object) -> str:
    text = str(cell)
    if re.fullmatch(r"\d{1,2}([/.-])\d{1,2}\1\d{2}\b.*", text):
        return " Two digits do not tell the year."
    if re.fullmatch(r"\d{9,10}(\.\d+)?|\d{13}|\d{16}|\d{19}", text):
        return " It looks like a count of seconds since 1970."
    if re.fullmatch(r"[1-6]\d{4}(\.\d+)?", text):
        return " It looks like a spreadsheet's count of days."
    if re.fullmatch(r"\d{1,2}:\d{2}.*", text):
        return " An hour without its day is none."
    return ""
