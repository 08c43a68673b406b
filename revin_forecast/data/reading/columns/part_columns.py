"""Rejection of tables whose columns are times: Jan to Dec, hours of a day, or dates."""

import re
import shlex
from collections.abc import Mapping, Sequence

from revin_forecast.data.formatting import format_names
from revin_forecast.data.month_names import MONTH_NUMBERS, simplify_name
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.text.header_rows import classify_cell
from revin_forecast.errors import InputError

HOUR = re.compile(r"(?i)(?:h|hr|hour|he|stunde|std|heure|hora)[ _.]*(\d{1,2})|(\d{1,2})h")
"""Name of a column of an hour: h1, Hour 01, 13h."""
TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(?::00)?(?: ?[-\u2013] ?\d{1,2}:\d{2}(?::00)?)?")
"""Name of a column of a time of day: 13:15."""
MONTHS = frozenset(range(1, 13))
HOURS = (frozenset(range(24)), frozenset(range(1, 25)))
MIN_TIMES = 3
"""Fewest names that are times by which a table is found to be transposed."""


def check_part_columns(table: RawTable, names: Sequence[str]) -> None:
    """Reject a wide table with a column for each month of a year, or for each hour of a day.

    Each would be forecast as a series of its own, from one value in a year or a day.

    Args:
        table: the table as it was read.
        names: names of the columns that are not times.

    Raises:
        InputError: the columns are months or hours.
    """
    months = _find_months(names)
    if set(months.values()) == MONTHS:
        _reject(table, list(months), "month", "year")
    hours = _find_hours(names)
    if frozenset(hours.values()) in HOURS:
        _reject(table, list(hours), "hour", "day")
    times = [name for name in names if TIME_OF_DAY.fullmatch(name.strip())]
    if len(times) >= min(map(len, HOURS)):
        _reject(table, times, "time", "day")


def check_transposed(table: RawTable) -> None:
    """Reject a table with times as the names of most of its columns.

    Raises:
        InputError: the table is transposed.
    """
    names = table.names
    times = [name for name in names if name[:1].isdigit() and classify_cell(name) == "time"]
    times = [name for name in times if not TIME_OF_DAY.fullmatch(name.strip())]
    if len(times) >= max(MIN_TIMES, len(names) - 10):
        raise InputError(describe_transposed(table, times))


def describe_transposed(table: RawTable, times: Sequence[str]) -> str:
    """Return the message on a table with these times as names of columns."""
    other = next((name for name in table.names if name not in times), "name")
    return (
        f"{_locate_names(table)}: {len(times)} columns are named by times, {times[0]!r} to "
        f"{times[-1]!r}, but a table has a row for each time and a column for each series. "
        f"Transpose it, in pandas: frame.set_index({other!r}).T.to_csv('new.csv', "
        "index_label='date')."
    )


def _find_months(names: Sequence[str]) -> Mapping[str, int]:
    simple = {name: simplify_name(name) for name in names}
    return {name: MONTH_NUMBERS[key] for name, key in simple.items() if key in MONTH_NUMBERS}


def _find_hours(names: Sequence[str]) -> Mapping[str, int]:
    matches = {name: HOUR.fullmatch(name.strip()) for name in names}
    return {name: int(match[1] or match[2]) for name, match in matches.items() if match}


def _reject(table: RawTable, names: Sequence[str], part: str, whole: str) -> None:
    others = [name for name in table.names if name not in names]
    # Melted hours such as h1 would name series.
    can_melt = len(others) == 1 and part != "hour"
    remedy = f", in pandas: frame.melt({others[0]!r}, var_name={part!r})" if can_melt else ""
    raise InputError(
        f"{_locate_names(table)}: columns {format_names(names)} are the {part}s of a "
        f"{whole}, but a table has a row for each time. Write a row for each {part}, with its time "
        f"and its value{remedy}; or to forecast each {part} as a series of its own, pass --target "
        f"{shlex.join(names)}."
    )


def _locate_names(table: RawTable) -> str:
    """Return the table, and the line of the names of its columns where that is known."""
    return table.name if table.source is None else table.describe_position(-1)
