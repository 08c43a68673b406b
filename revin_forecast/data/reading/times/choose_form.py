"""`choose_form`: the form that all rows of a table decide for, or the message on their doubt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.data.format_timestamps import DAY_MICROSECONDS
from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.times.parse_time_text import parse_time_text
from revin_forecast.data.reading.times.regularity import Regularity, measure_regularity
from revin_forecast.data.reading.times.timestamps import (
    are_same_times,
    describe_columns,
    parse_form,
    read_unconverted,
)
from revin_forecast.data.time_forms import (
    DIRECTIVE,
    END_OF_STEP,
    ISO_FORM,
    ORDER_FORMS,
    suggest_time_form,
)
from revin_forecast.errors import InputError

MAX_YEAR_GAP = 50
"""Longest gap between years of two digits; a longer one is a change of the century."""
MAX_DAY_STEP = 7
"""Longest step of days whose year may be left out."""


@dataclass(frozen=True)
class _Reading:
    """A column as one form reads it."""

    form: str
    stamps: pd.DatetimeIndex


def has_order(form: str, order: str) -> bool:
    """Return whether a form has the day and the month in this order, or not both."""
    letters = [directive[-1] for directive in DIRECTIVE.findall(form)]
    if not {"d", "m"} <= set(letters) or letters[0] == "Y":
        return True
    is_day_first = letters.index("d") < letters.index("m")
    return letters[0] != "y" and is_day_first == (order == ORDER_FORMS[0])


def choose_form(
    table: RawTable,
    names: str | Sequence[str],
    forms: Sequence[str],
    given: str | None,
    like: str | None,
) -> str:
    """Return the form that is certain, among those that fit the first rows.

    Args:
        table: the table as it was read.
        names: name of the column, or names of several.
        forms: forms that fit the first rows, the most usual first.
        given: order of day and month that the forms have; None: the rows decide.
        like: form to use if it fits as many rows as any other.

    Raises:
        InputError: several forms fit all rows equally, or the form is not certain.
    """
    readings = _keep_best([_Reading(form, parse_form(table, names, form)) for form in forms])
    # Forms that give the same times are one: the first is the most usual.
    readings = [
        reading
        for index, reading in enumerate(readings)
        if not any(are_same_times(reading.stamps, item.stamps) for item in readings[:index])
    ]
    if given is None and all(reading.form != like for reading in readings):
        chosen = _choose_reading(table, names, readings)
        _check_swapped_days(table, names, chosen)
        return chosen.form
    return next((item for item in readings if item.form == like), readings[0]).form


def _keep_best(readings: list[_Reading]) -> list[_Reading]:
    """Return the readings that fit the most rows."""
    failures = [int(reading.stamps.isna().sum()) for reading in readings]
    fewest = min(failures)
    kept = [reading for reading, count in zip(readings, failures, strict=True) if count == fewest]
    # The end of a step and an offset from UTC are written alike (00:00-01:00).
    iso = [reading for reading in kept if reading.form == ISO_FORM]
    ranges = [reading for reading in kept if END_OF_STEP in reading.form]
    if iso and ranges:
        return ranges if iso[0].stamps.nunique() < ranges[0].stamps.nunique() else iso
    return kept


def _choose_reading(
    table: RawTable, names: str | Sequence[str], readings: Sequence[_Reading]
) -> _Reading:
    """Return the reading that is certain.

    Raises:
        InputError: none is.
    """
    regular = [_measure(item) for item in readings]
    for index, item in enumerate(readings):
        others = [*regular[:index], *regular[index + 1 :]]
        if others and all(regular[index].is_clearly_better(other) for other in others):
            _check_day_without_year(table, names, item)
            _note_choice(table, names, item)
            return item
    if len(readings) > 1:
        raise InputError(_describe_ambiguity(table, names, readings))
    (only,) = readings
    if "%y" in only.form and not only.stamps.isna().all():
        if not regular[0].is_regular:
            raise InputError(_describe_short_years(table, names, only))
        _check_day_without_year(table, names, only)
        _note_choice(table, names, only)
    return only


def _measure(reading: _Reading) -> Regularity:
    """Return the regularity of a reading; irregular where years of two digits change century."""
    stamps = reading.stamps.dropna()
    # 49 and 50 are next to each other in the table, but are read 99 years apart.
    if "%y" in reading.form and len(stamps):
        years = np.unique(stamps.year)
        if np.diff(years).max(initial=0) > MAX_YEAR_GAP:
            return Regularity(0.0, 0, 0)
    return measure_regularity(stamps)


def _check_swapped_days(table: RawTable, names: str | Sequence[str], chosen: _Reading) -> None:
    """Reject dates of both orders, as a spreadsheet leaves them that swapped day and month.

    It reads 01/03/2024 in the order of another country, and leaves 13/03/2024 as text.

    Raises:
        InputError: the rows are regular only if day and month are swapped in some of them.
    """
    if not {"%d", "%m"} <= set(DIRECTIVE.findall(chosen.form)) or chosen.stamps.hasnans:
        return
    if measure_regularity(chosen.stamps).is_regular:
        return
    form = chosen.form.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")
    swapped = parse_form(table, names, form)
    others, changed = swapped.isna(), swapped.notna() & (swapped != chosen.stamps)
    if not (others.any() and changed.any()):
        return
    mended = pd.DatetimeIndex(swapped.where(~others, chosen.stamps))
    if not measure_regularity(mended).is_regular:
        return
    first, second = int(np.flatnonzero(changed)[0]), int(np.flatnonzero(others)[0])
    cells = read_unconverted(table, names)
    raise InputError(
        f"{table.describe_position(first)}, {describe_columns(names)}: the rows are regular only "
        f"if {cells.iloc[first]!r} is {_show(swapped[first])} but {cells.iloc[second]!r}, in "
        f"{table.describe_position(second)}, is {_show(chosen.stamps[second])}: a program has "
        "swapped day and month in some rows. Write all dates as 2024-12-31, or pass "
        f"{suggest_time_form(chosen.form)} if they are right."
    )


def _note_choice(table: RawTable, names: str | Sequence[str], reading: _Reading) -> None:
    """Add a note on a form that the steps between the rows decided."""
    row = int(np.flatnonzero(reading.stamps.notna())[0])
    cell = read_unconverted(table, names).iloc[row]
    table.add_note(
        f"{table.describe_position(row)}, {describe_columns(names)}: {cell!r} was read as "
        f"{_show(reading.stamps[row])}, since only then the rows are regular; give the form of the "
        "times if that is wrong"
    )


def _show(stamp: Any) -> str:
    """Return a time in a message, without the hour if that is 0."""
    return str(stamp).removesuffix(" 00:00:00")


def _describe_ambiguity(
    table: RawTable, names: str | Sequence[str], readings: Sequence[_Reading]
) -> str:
    """Return the message on forms that all rows may have."""
    first, second = readings[:2]
    differ = first.stamps.as_unit("us").asi8 != second.stamps.as_unit("us").asi8
    row = int(np.flatnonzero(differ)[0])
    forms = [item.form for item in readings]
    # An order is easier to write than a form, and the same for all separators.
    if len(forms) == 2 and all("%m" in form and "%d" in form for form in forms):
        are_orders = [
            has_order(form, order) for form, order in zip(forms, ORDER_FORMS[::-1], strict=True)
        ]
        forms = list(ORDER_FORMS[::-1]) if all(are_orders) else forms
    cell = read_unconverted(table, names).iloc[row]
    short = " A year of two digits is ambiguous." if "%y" in first.form else ""
    return (
        f"{table.describe_position(row)}, {describe_columns(names)}: {cell!r} may be "
        f"{first.stamps[row]} or {second.stamps[row]}, and so may every other row.{short} Write "
        f"dates as 2024-12-31, or pass {suggest_time_form(*forms)}."
    )


def _describe_short_years(table: RawTable, names: str | Sequence[str], reading: _Reading) -> str:
    """Return the message on years of two digits in irregular rows."""
    cell = read_unconverted(table, names).iloc[0]
    return (
        f"{table.describe_position(0)}, {describe_columns(names)}: {cell!r} has a year of two "
        "digits, and the rows are not regular enough to be sure of it. A year of two digits is "
        f"ambiguous; write four as in 2024-12-31, or pass {suggest_time_form(reading.form)}."
    )


def _check_day_without_year(table: RawTable, names: str | Sequence[str], reading: _Reading) -> None:
    """Reject months with a year of two digits that may be days: Jan-12, Jan-13, Jan-14.

    Raises:
        InputError: the numbers may be days.
    """
    letters = {directive[-1] for directive in DIRECTIVE.findall(reading.form)}
    if not letters & {"b", "B", "m"} or letters & {"d", "V", "q"}:
        return
    cells = read_unconverted(table, names).str.strip()
    # A leap year, in which every day exists.
    days = parse_time_text("2000 " + cells, "%Y " + reading.form.replace("%y", "%d"))
    steps = np.abs(np.diff(days.asi8)) / DAY_MICROSECONDS
    if days.hasnans or np.median(steps) > MAX_DAY_STEP:
        return
    raise InputError(
        f"{table.describe_position(0)}, {describe_columns(names)}: {cells.iloc[0]!r} may be "
        f"{reading.stamps[0]:%Y-%m} or a day without a year, and so may every other row. Write "
        f"dates as 2024-12-31, or pass {suggest_time_form(reading.form)} if they are months."
    )
