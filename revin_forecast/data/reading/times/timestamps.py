"""Parsing of a table's time columns in a known form."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_float_dtype, is_numeric_dtype

from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.text.delimited import MONTH_WITH_POINT
from revin_forecast.data.reading.times.explain_time_cell import explain_time_cell
from revin_forecast.data.reading.times.parse_time_cells import SNIFF_ROWS, parse_cells
from revin_forecast.data.table_format import TableFormat, suggest_format
from revin_forecast.data.time_forms import PART_SEPARATOR
from revin_forecast.errors import InputError

UTC_END = r"(?:[zZ]|UTC|GMT|[+-]00(?::?00)?)$"
"""Pattern of the end of a time in UTC."""
HAS_PANDAS_2 = pd.__version__.startswith("2.")
MAX_NANOSECOND_YEARS = 290
"""Longest span of timestamps of nanoseconds; steps between longer ones would overflow."""


def parse_timestamps(table: RawTable, format: TableFormat) -> pd.DatetimeIndex:
    """Return the timestamps of a table's time columns.

    Timestamps with several offsets from UTC (daylight saving) become UTC.

    Raises:
        InputError: a cell is empty or not a time (the message has its line), or is at a time that
            the zone of the format skips or has twice.
    """
    names = format.time_columns
    stamps = parse_form(table, names, format.time_form)
    invalid_rows = np.flatnonzero(stamps.isna())
    if len(invalid_rows):
        row = int(invalid_rows[0])
        cell = read_unconverted(table, names).iloc[row]
        has_others = len(invalid_rows) < len(stamps)
        others = ("above" if row else "below") if has_others else ""
        raise InputError(
            f"{table.describe_position(row)}, {describe_columns(names)}: "
            f"{explain_time_cell(cell, format.time_form, others)}"
        )
    stamps = _widen_unit(_limit_years(table, stamps) if HAS_PANDAS_2 else stamps)
    if format.zone is None or (stamps.tz is not None and format.zone == "UTC"):
        _note_utc(table, names, stamps)
    return stamps if format.zone is None else _apply_zone(table, stamps, format)


def _note_utc(table: RawTable, names: Sequence[str], stamps: pd.DatetimeIndex) -> None:
    """Add a note if times with another offset, or with several, were converted to UTC."""
    if not len(stamps) or str(stamps.tz) != "UTC":
        return
    cells = read_unconverted(table, names)
    if is_numeric_dtype(cells) or is_datetime64_any_dtype(cells):
        return
    local = np.flatnonzero(~cells.str.contains(UTC_END, na=True).to_numpy(dtype=bool))
    if len(local):
        row = int(local[0])
        table.add_note(
            f"{table.describe_position(row)}, {describe_columns(names)}: times were converted to "
            f"UTC ({str(cells.iloc[row])!r} is {stamps[row]}), in which days begin; for local "
            f"times, pass {suggest_format('zone: Europe/Berlin')}"
        )


def describe_columns(names: str | Sequence[str]) -> str:
    """Return the time columns in a message.

    >>> describe_columns(["year", "month"])
    "columns 'year', 'month'"
    """
    names = (names,) if isinstance(names, str) else names
    return f"column{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"


def are_same_times(first: pd.DatetimeIndex, second: pd.DatetimeIndex) -> bool:
    """Return whether timestamps are the same, whatever their units."""
    if (first.tz is None) != (second.tz is None):
        return False
    return np.array_equal(first.as_unit("us").asi8, second.as_unit("us").asi8)


def _limit_years(table: RawTable, stamps: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return timestamps in nanoseconds, the only unit in which pandas 2 counts steps.

    Raises:
        InputError: a year is before 1678 or after 2261.
    """
    try:
        return stamps.as_unit("ns")
    except pd.errors.OutOfBoundsDatetime as error:
        row = int(np.flatnonzero((stamps.year < 1678) | (stamps.year > 2261))[0])
        raise InputError(
            f"{table.describe_position(row)}: pandas {pd.__version__} counts steps from 1678 to "
            f"2261 only, but the time is {stamps[row]}. Install pandas 3, which has no such limit: "
            "pip install 'pandas>=3'."
        ) from error


def _widen_unit(stamps: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return timestamps in microseconds if the steps between them overflow in nanoseconds."""
    if stamps.unit != "ns" or not len(stamps):
        return stamps
    years = stamps[[stamps.argmin(), stamps.argmax()]].year
    return stamps.as_unit("us") if years[1] - years[0] > MAX_NANOSECOND_YEARS else stamps


def parse_form(table: RawTable, names: str | Sequence[str], form: str | None) -> pd.DatetimeIndex:
    """Return time columns as timestamps, NaT where a cell does not have the form.

    Args:
        table: the table as it was read.
        names: name of the column, or names of several.
        form: see `TableFormat.time_form`; None: the column holds timestamps.
    """
    key = _get_key(names)
    return table.remember(
        ("time", key, form), lambda: parse_cells(read_unconverted(table, names), form)
    )


def _get_key(names: str | Sequence[str]) -> str | tuple[str, ...]:
    if isinstance(names, str):
        return names
    return tuple(names) if len(names) > 1 else names[0]


def read_unconverted(table: RawTable, names: str | Sequence[str]) -> pd.Series:
    """Return a column; as text if the CSV reader's conversion lost information.

    The reader converts every time zone to UTC, and 01.2012 to a number. Several columns are joined
    to one of text, with `PART_SEPARATOR` between the parts.
    """
    key = _get_key(names)
    if isinstance(key, tuple):
        return table.remember(("cells", key), lambda: _join_columns(table, key))
    return table.remember(("cells", key), lambda: _read_unconverted(table, key))


def _join_columns(table: RawTable, names: Sequence[str]) -> pd.Series:
    parts = [read_part(table, name) for name in names]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + PART_SEPARATOR + part
    return joined


def read_part(table: RawTable, name: str) -> pd.Series:
    """Return one of several time columns as text; missing cells are empty."""
    return table.remember(("part", name), lambda: _to_text(table.text_column(name)))


def _to_text(column: pd.Series) -> pd.Series:
    # Gaps make whole numbers floats, and dates of a frame are midnights.
    text = column.astype(object).where(column.notna(), "").map(str)
    return text.str.strip().str.replace(r"\.0$| 00:00:00$", "", regex=True)


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
