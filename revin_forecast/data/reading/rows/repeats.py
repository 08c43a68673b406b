"""Messages on times that a table has twice."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd

from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.rows.row_order import describe_misplaced
from revin_forecast.data.reading.rows.suggest_step import suggest_resample
from revin_forecast.errors import InputError


def build_repeat_error(
    table: RawTable, stamps: pd.DatetimeIndex, values: np.ndarray, row: int, advice: str
) -> InputError:
    """Return the error on a time that a wide table has twice.

    Keeping one of the rows would be a silent choice between values.

    Args:
        table: the table as it was read.
        stamps: (rows,) its times.
        values: (rows, channels) its values.
        row: the second of the rows.
        advice: end of the remedy, for tables that are long.
    """
    first = int(np.flatnonzero(stamps == stamps[row])[0])
    return InputError(
        f"{table.describe_position(row)}: {stamps[row]} occurs a second time (duplicate "
        f"timestamp); the first is {table.describe_position(first)} and has "
        f"{_describe_repeat(values, row, first)}.{describe_misplaced(table, stamps, (first, row))} "
        f"Keep one row for each time, or pass {suggest_resample(stamps)}"
        f"{_suggest_utc(stamps, row)}{advice}."
    )


def check_repeats_of_series(
    table: RawTable,
    stamps: pd.DatetimeIndex,
    names: Sequence[str],
    cells: np.ndarray,
    rows: np.ndarray,
    numbers: np.ndarray,
) -> None:
    """Reject a time that a series of a long table has twice.

    Args:
        table: the table as it was read.
        stamps: times of all its rows.
        names: names of the series.
        cells: (rows,) cell of each row in the pivoted table.
        rows: (rows,) rows of the table that are read.
        numbers: values of all rows of the table.

    Raises:
        InputError: a series has a time twice.
    """
    if np.bincount(cells).max(initial=0) < 2:
        return
    repeated = np.flatnonzero(pd.Series(cells).duplicated())[0]
    row = int(rows[repeated])
    first = int(rows[np.flatnonzero(cells == cells[repeated])[0]])
    number = int(cells[repeated]) % len(names)
    own_rows = rows[cells % len(names) == number]
    misplaced = describe_misplaced(table, stamps, (first, row), own_rows)
    raise InputError(
        f"{table.describe_position(row)}: {stamps[row]} of series {names[number]!r} occurs a "
        f"second time; the first is {table.describe_position(first)} and has "
        f"{_describe_repeat(numbers, row, first)}.{misplaced} Keep one row for each series and "
        f"time, or pass {suggest_resample(stamps[own_rows])}{_suggest_utc(stamps, row)}."
    )


def _describe_repeat(values: np.ndarray, row: int, first: int) -> str:
    same = np.array_equal(values[row], values[first], equal_nan=True)
    return "the same values" if same else "other values"


def _suggest_utc(stamps: pd.DatetimeIndex, row: int) -> str:
    """Return advice for the hour that occurs twice when clocks are put back."""
    stamp = cast(pd.Timestamp, stamps[row])
    # Clocks change on a Sunday night: in March, April, September, October or November.
    may_be_change = stamp.day_of_week == 6 and stamp.month in (3, 4, 9, 10, 11) and stamp.hour < 4
    if not may_be_change or stamps.tz is not None:
        return ""
    return (
        "; if clocks were put back then, write times in UTC or with their offset "
        f"({stamp.isoformat()}+02:00)"
    )
