"""Columns of text into numbers and time stamps, with the place of what does not parse."""

import warnings

import numpy as np
import pandas as pd
from pandas.api.types import (
    is_bool_dtype,
    is_complex_dtype,
    is_datetime64_any_dtype,
    is_numeric_dtype,
    is_timedelta64_dtype,
)

from revin_forecast.data.table import RawTable
from revin_forecast.errors import InputError

TIME_NAMES = ("date", "ds", "time", "timestamp", "datetime")


def find_time_column(table: RawTable, named: str | None = None) -> str:
    """Return the time column: the one named, one of a usual name, or the first that parses.

    Raises:
        InputError: it is not there, or none parses.
    """
    names = table.names
    if named is not None:
        if named not in names:
            raise InputError(f"{table.name} has no column {named!r} among {names}; see --time.")
        return named
    for wanted in TIME_NAMES:
        for name in names:
            if name.strip().lower() == wanted:
                return name
    for name in names:
        column = table.column(name)
        if not is_numeric_dtype(column) and not _parsed(column.head(100)).isna().any():
            return name
    raise InputError(
        f"{table.name} has no time column among its {len(names)} columns {names[:8]}. Name it "
        "with --time; if that looks like one column, the separator is none of comma, semicolon "
        "and tab."
    )


def parse_times(table: RawTable, name: str) -> pd.DatetimeIndex:
    """Return a column's time stamps: ISO, or any one form that pandas reads; whole years too.

    Whether the day or the month stands first is told by the rows; none may fail.

    Raises:
        InputError: a cell that is empty or no time, with its line; or the rows leave it open
            whether the day or the month stands first.
    """
    column = table.column(name)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = table.text(name)  # the CSV reader turns every zone into UTC
    stamps, other = _parsed(column), _parsed(column, dayfirst=True)
    if stamps.hasnans:
        stamps = other
    elif not other.hasnans and not stamps.equals(other):
        row = int(np.flatnonzero(stamps != other)[0])
        raise InputError(
            f"{table.place(row)}, column {name!r}: {column.iloc[row]!r} may be {stamps[row]} or "
            f"{other[row]}, and so may every other row. Write dates as 2024-12-31."
        )
    bad = np.flatnonzero(stamps.isna())
    if len(bad):
        text = column.iloc[bad[0]]
        shown = "empty" if pd.isna(text) else f"{text!r}"
        raise InputError(
            f"{table.place(int(bad[0]))}, column {name!r}: {shown} is no date or time like those "
            "above it. Write it as 2024-12-31 or 2024-12-31 23:00, or name another column with "
            "--time."
        )
    return pd.DatetimeIndex(stamps)


def parse_numbers(table: RawTable, name: str) -> np.ndarray:
    """Return a column as float64; empty cells, NaN and infinities are NaN.

    Raises:
        InputError: a cell that is no number, with its line.
    """
    column = table.column(name)
    if any(
        kind(column) for kind in (is_datetime64_any_dtype, is_timedelta64_dtype, is_complex_dtype)
    ):
        raise InputError(
            f"{table.name}, column {name!r} holds {column.dtype} values like {column.iloc[0]}, not "
            "real numbers. Choose the columns with --columns."
        )
    if is_numeric_dtype(column) and not is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64)
    bad = np.flatnonzero(np.isnan(numbers) & column.notna())
    if len(bad):
        text = column.iloc[bad[0]]
        raise InputError(
            f"{table.place(int(bad[0]))}, column {name!r}: {text!r} is no number."
            f"{_hint(str(text))} Correct it, leave it empty if it was not measured, or choose the "
            "columns with --columns."
        )
    return numbers


def _parsed(column: pd.Series, dayfirst: bool = False) -> pd.Series:
    """Parse to time stamps, NaT where that fails."""
    if is_numeric_dtype(column):
        years = pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan))
        whole = years.where(years.between(1000, 9999) & (years % 1 == 0))
        return pd.to_datetime(whole.astype("Int64").astype(str), format="%Y", errors="coerce")
    with warnings.catch_warnings():
        # Said when no single form fits, or only the other order of day and month does; the cells
        # that fail are named by the caller.
        warnings.filterwarnings("ignore", message="Could not infer format")
        warnings.filterwarnings("ignore", message="Parsing dates in .* format when dayfirst=")
        for form in ("ISO8601", None):
            try:
                stamps = pd.to_datetime(column, format=form, errors="coerce", dayfirst=dayfirst)
            except (ValueError, TypeError):
                continue  # mixed time zones, or objects that are no text
            if pd.Series(stamps).notna().all():
                return pd.Series(stamps)
        stamps = pd.to_datetime(column.astype(str), errors="coerce", utc=True, dayfirst=dayfirst)
    return pd.Series(stamps)


def _hint(text: str) -> str:
    if "," in text and text.replace(",", "", 1).replace("-", "", 1).isdigit():
        return " A comma as decimal sign is not read yet; use a point."
    return ""
