"""`parse_cells`: cells of one form to timestamps."""

import re
import warnings
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from revin_forecast.data.reading.text.delimited import UTC_OFFSET
from revin_forecast.data.reading.times.parse_time_text import parse_time_text
from revin_forecast.data.time_forms import QUARTER_FORM, UNIT_FORMS, is_iso_form

NUMBER_RANGES = {"%Y": (1000, 9999), "%Y%m": (180001, 219912), "%Y%m%d": (18e6, 22e6)}
"""Forms of whole numbers that are detected, with the range of the numbers."""
OWN_FORMS = re.compile(r"%-|%[qVGyaAbBZ]|\{")
"""Pattern of forms that pandas does not know, or reads in English only."""
SNIFF_ROWS = 100
"""Rows from the top by which a column is recognized as a time column."""
RETRY_CELL = r"24:00|\b[01]\d{3}\b|\b2[2-9]\d{2}\b|\b[3-9]\d{3}\b"
"""Pattern of a cell that pandas may not be able to read: midnight as 24:00, or a remote year."""
ISO_FORMS = tuple(
    f"%Y-%m-%d{gap}{clock}" for gap in " T" for clock in ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f")
)


def parse_cells(column: pd.Series, form: str | None) -> pd.DatetimeIndex:
    """Parse cells of one form to timestamps, NaT where a cell can't be parsed."""
    if is_bool_dtype(column):  # numeric for pandas
        return pd.DatetimeIndex([pd.NaT] * len(column))
    if is_datetime64_any_dtype(column):
        return pd.DatetimeIndex(column)
    if isinstance(column.dtype, pd.PeriodDtype):
        return _parse_periods(pd.PeriodIndex(column))
    if form in UNIT_FORMS:
        return _parse_counts(column, str(form))
    if is_numeric_dtype(column):
        return _parse_numeric_dates(column, form)
    if not is_text(column):
        return _parse_objects(column)
    text = column.str.strip().replace("", None)
    if form == QUARTER_FORM:
        return _parse_quarters(text)
    if form is None or is_iso_form(form):
        return _retry(_parse_text(text, "ISO8601"), text, ("%Y-%m-%d", *ISO_FORMS))
    if OWN_FORMS.search(form):
        return parse_time_text(text, form)
    return _retry(_parse_text(text, form), text, (form,))


def _retry(stamps: pd.DatetimeIndex, text: pd.Series, forms: tuple[str, ...]) -> pd.DatetimeIndex:
    """Parse the cells that pandas could not: 24:00, and years before 1678 in pandas 2."""
    failed = np.flatnonzero(stamps.isna() & text.notna().to_numpy())
    if not len(failed) or stamps.tz is not None:
        return stamps
    # A column that is not one of times fails as a whole, which its first cells show.
    cells = text.iloc[failed]
    if not cells.head(SNIFF_ROWS).str.contains(RETRY_CELL).any():
        return stamps
    for form in forms:
        retried = parse_time_text(cells, form)
        if retried.tz is None and retried.notna().any():
            values = stamps.as_unit("us").to_numpy().copy()
            values[failed] = np.where(retried.notna(), retried.to_numpy(), values[failed])
            stamps = pd.DatetimeIndex(values)
    return stamps


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
    stamps = pd.DatetimeIndex(pd.to_datetime(text, format=form, errors="coerce"))
    return _retry(stamps, text, (form,))


def _parse_counts(column: pd.Series, form: str) -> pd.DatetimeIndex:
    """Parse counts of days, seconds or parts of a second."""
    numbers = pd.Series(pd.to_numeric(column, errors="coerce"))
    unit = UNIT_FORMS[form]
    origin = "1899-12-30" if unit == "D" else "unix"
    stamps = pd.to_datetime(numbers, unit=unit, origin=origin, errors="coerce")
    # As text with decimals, a count of days has an error of microseconds.
    return pd.DatetimeIndex(stamps.dt.round("ms") if unit in ("D", "s") else stamps)


def _parse_periods(periods: pd.PeriodIndex) -> pd.DatetimeIndex:
    """Return the starts of periods."""
    try:
        return pd.DatetimeIndex(periods.to_timestamp())
    except pd.errors.OutOfBoundsDatetime:  # pandas 2 has nanoseconds only, which begin in 1677
        starts = periods.asfreq("D", how="start")
        return pd.DatetimeIndex(starts.asi8.view("M8[D]").astype("M8[us]"))


def _parse_objects(column: pd.Series) -> pd.DatetimeIndex:
    """Parse a column of Python's dates and times; numbers in it become NaT."""
    stamps = _convert_objects(column)
    # Pandas 2 makes NaT of years that nanoseconds can't express.
    failed = np.flatnonzero(stamps.isna() & column.notna().to_numpy())
    if not len(failed) or stamps.tz is not None:
        return stamps
    cells = list(column.iloc[failed])
    if not all(isinstance(cell, date) and getattr(cell, "tzinfo", None) is None for cell in cells):
        return stamps
    values = stamps.as_unit("us").to_numpy().copy()
    values[failed] = np.array(cells, dtype="M8[us]")
    return pd.DatetimeIndex(values)


def _convert_objects(column: pd.Series) -> pd.DatetimeIndex:
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
