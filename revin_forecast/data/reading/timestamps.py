"""Parsing of a table's time column in a known form."""

import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import (
    is_bool_dtype,
    is_datetime64_any_dtype,
    is_float_dtype,
    is_numeric_dtype,
)

from revin_forecast.data.reading.delimited import MONTH_WITH_POINT, UTC_OFFSET
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.table_format import TableFormat, suggest_format
from revin_forecast.data.time_forms import ISO_FORM, QUARTER_FORM, UNIT_FORMS
from revin_forecast.errors import InputError

SNIFF_ROWS = 100
"""Rows from the top by which a column is recognized as a time column."""
NUMBER_RANGES = {"%Y": (1000, 9999), "%Y%m": (180001, 219912), "%Y%m%d": (18e6, 22e6)}
"""Forms of whole numbers that are detected, with the range of the numbers."""


def parse_timestamps(table: RawTable, format: TableFormat) -> pd.DatetimeIndex:
    """Return the timestamps of a table's time column.

    Timestamps with several offsets from UTC (daylight saving) become UTC.

    Raises:
        InputError: a cell is empty or not a time (the message has its line), or is at a time that
            the zone of the format skips or has twice.
    """
    name = str(format.time)
    stamps = parse_form(table, name, format.time_form)
    invalid_rows = np.flatnonzero(stamps.isna())
    if len(invalid_rows):
        row = int(invalid_rows[0])
        cell = read_unconverted(table, name).iloc[row]
        shown = "empty" if pd.isna(cell) or cell == "" else repr(str(cell))[:60]
        reason = " like those above it" if row else ", or its format is not known"
        raise InputError(
            f"{table.describe_position(row)}, column {name!r}: {shown} is not a date or time"
            f"{reason}.{_suggest_fix(cell)} Write it as 2024-12-31 or 2024-12-31 23:00, or name "
            "another column with --time."
        )
    return stamps if format.zone is None else _apply_zone(table, stamps, format)


def parse_form(table: RawTable, name: str, form: str | None) -> pd.DatetimeIndex:
    """Return a column as timestamps, NaT where a cell does not have the form.

    Args:
        table: the table as it was read.
        name: name of the column.
        form: see `TableFormat.time_form`; None: the column holds timestamps.
    """
    return table.remember(
        ("time", name, form), lambda: parse_cells(read_unconverted(table, name), form)
    )


def read_unconverted(table: RawTable, name: str) -> pd.Series:
    """Return a column; as text if the CSV reader's conversion lost information.

    The reader converts every time zone to UTC, and 01.2012 to a number.
    """
    return table.remember(("cells", name), lambda: _read_unconverted(table, name))


def use_text(table: RawTable, name: str) -> None:
    """Parse the times of a column from the text in the file, whatever the reader made of it."""
    table.results["cells", name] = table.text_column(name)


def _read_unconverted(table: RawTable, name: str) -> pd.Series:
    column = table.column(name)
    if table.source is None:
        return column
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return table.text_column(name)
    if is_float_dtype(column) and _may_be_months(column.head(SNIFF_ROWS).dropna()):
        text = table.text_column(name)
        head = text.head(SNIFF_ROWS).replace("", None).dropna()
        return text if len(head) and head.str.fullmatch(MONTH_WITH_POINT).all() else column
    return column


def _may_be_months(numbers: pd.Series) -> bool:
    """Return whether all numbers are between 1.2012 and 12.2012, for any year.

    This saves most tables a second pass over the file for the text of the column.
    """
    year = (numbers % 1 * 10_000).round()
    return bool((numbers.between(1, 13) & year.between(1000, 9999)).all())


def parse_cells(column: pd.Series, form: str | None) -> pd.DatetimeIndex:
    """Parse cells of one form to timestamps, NaT where a cell can't be parsed."""
    if is_bool_dtype(column):  # numeric for pandas
        return pd.DatetimeIndex([pd.NaT] * len(column))
    if is_datetime64_any_dtype(column):
        return pd.DatetimeIndex(column)
    if isinstance(column.dtype, pd.PeriodDtype):
        return pd.DatetimeIndex(pd.PeriodIndex(column).to_timestamp())
    if form in UNIT_FORMS:
        return _parse_counts(column, form)
    if is_numeric_dtype(column):
        return _parse_numeric_dates(column, form)
    if not is_text(column):
        return _parse_objects(column)
    text = column.str.strip().replace("", None)
    if form == QUARTER_FORM:
        return _parse_quarters(text)
    return _parse_text(text, "ISO8601" if form in (None, ISO_FORM) else str(form))


def is_text(column: pd.Series) -> bool:
    """Return whether all cells of a column are text or missing."""
    if is_numeric_dtype(column) or is_datetime64_any_dtype(column):
        return False
    is_string = isinstance(column.dtype, pd.StringDtype)
    return is_string or all(isinstance(cell, str) or pd.isna(cell) for cell in column)


def _parse_text(text: pd.Series, form: str) -> pd.DatetimeIndex:
    """Parse one format; all NaT if some rows have an offset from UTC and others have not."""
    try:
        return _convert_to_times(text, format=form)
    except ValueError:  # several offsets, or a directive that is unknown
        try:
            if text.dropna().str.contains(UTC_OFFSET).all():
                return _convert_to_times(text, format=form, utc=True)
        except ValueError:
            pass
        return pd.DatetimeIndex([pd.NaT] * len(text))


def _convert_to_times(cells: pd.Series, **options: Any) -> pd.DatetimeIndex:
    """Convert cells with `pd.to_datetime`; NaT where that fails, ValueError on several offsets."""
    with warnings.catch_warnings():
        # With several offsets, pandas 2 warns and returns objects; the index then rejects them.
        warnings.filterwarnings("ignore", message=".*parsing datetimes with mixed time zones")
        return pd.DatetimeIndex(pd.to_datetime(cells, errors="coerce", **options))


def _parse_quarters(text: pd.Series) -> pd.DatetimeIndex:
    """Parse 2024Q1 and 2024-Q1 to the start of each quarter."""
    parts = text.str.extract(r"^(\d{4})[- ]?[qQ]([1-4])$")
    if parts[0].isna().all():
        return pd.DatetimeIndex([pd.NaT] * len(text))
    month = parts[1].map({str(quarter): f"{3 * quarter - 2:02d}" for quarter in range(1, 5)})
    return pd.DatetimeIndex(pd.to_datetime(parts[0] + "-" + month, format="%Y-%m", errors="coerce"))


def _parse_numeric_dates(column: pd.Series, form: str | None) -> pd.DatetimeIndex:
    """Parse whole numbers, such as years (%Y), months (%Y%m) or days (%Y%m%d)."""
    numbers = pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan))
    low, high = NUMBER_RANGES.get(form or "", (0, 1e15))
    whole = numbers.where((numbers % 1 == 0) & numbers.between(low, high))
    if form is None or "%" not in form or not whole.notna().any():
        return pd.DatetimeIndex([pd.NaT] * len(numbers))
    text = whole.astype("Int64").astype(str)
    return pd.DatetimeIndex(pd.to_datetime(text, format=form, errors="coerce"))


def _parse_counts(column: pd.Series, form: str | None) -> pd.DatetimeIndex:
    """Parse counts of seconds, milliseconds or days."""
    numbers = pd.Series(pd.to_numeric(column, errors="coerce"))
    unit = UNIT_FORMS[str(form)]
    origin = "1899-12-30" if unit == "D" else "unix"
    # As text with decimals, a count of days has an error of microseconds.
    stamps = pd.to_datetime(numbers, unit=unit, origin=origin, errors="coerce").dt.round("ms")
    return pd.DatetimeIndex(stamps)


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


def _apply_zone(table: RawTable, stamps: pd.DatetimeIndex, format: TableFormat) -> pd.DatetimeIndex:
    """Return timestamps in the zone of the format; those without a zone are local times of it."""
    try:
        if stamps.tz is not None:
            return stamps if str(stamps.tz) == format.zone else stamps.tz_convert(format.zone)
        local = stamps.tz_localize(format.zone, ambiguous="NaT", nonexistent="NaT")
        twice_or_never = np.flatnonzero(local.isna())
        if len(twice_or_never):
            # The order of the rows decides between the two hours when clocks are put back.
            local = stamps.tz_localize(format.zone, ambiguous="infer", nonexistent="NaT")
            twice_or_never = np.flatnonzero(local.isna())
    except (ValueError, KeyError, OSError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"{table.name}: its times can't be read in the time zone {format.zone} ({reason}). "
            "Correct zone, or write the times in UTC."
        ) from error
    if len(twice_or_never):
        row = int(twice_or_never[0])
        raise InputError(
            f"{table.describe_position(row)}: {stamps[row]} does not exist in {format.zone}, whose "
            "clocks were put forward. Correct zone, or write the times in UTC."
        )
    return local


def _suggest_fix(cell: object) -> str:
    text = str(cell)
    if match := re.fullmatch(r"\d{1,2}([/.-])\d{1,2}\1\d{2}\b(.*)", text):
        clock = {0: "", 1: " %H:%M", 2: " %H:%M:%S"}.get(match[2].count(":"), "")
        forms = (
            f"%{first}{match[1]}%{second}{match[1]}%y{clock}" for first, second in ("dm", "md")
        )
        remedy = suggest_format(*(f'time_form: "{form}"' for form in forms))
        return f" A year of two digits is ambiguous; write four, or pass {remedy}."
    if re.fullmatch(r"\d{13}", text):
        remedy = suggest_format('time_form: "milliseconds since 1970"')
        return f" It looks like a count of milliseconds since 1970; if so, pass {remedy}."
    if re.fullmatch(r"\d{9,10}(\.\d+)?|\d{16}|\d{19}", text):
        remedy = suggest_format('time_form: "seconds since 1970"')
        return f" It looks like a count of seconds since 1970; if so, pass {remedy}."
    if re.fullmatch(r"[1-6]\d{4}(\.\d+)?", text):
        remedy = suggest_format('time_form: "days since 1899-12-30"')
        return f" It looks like a spreadsheet's count of days; if so, pass {remedy}."
    if re.fullmatch(r"\d{1,2}:\d{2}.*", text):
        return " A time of day needs its date."
    return ""
