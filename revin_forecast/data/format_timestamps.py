"""`format_timestamps`: timestamps in the form in which a table writes its times."""

import re
from typing import cast

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from revin_forecast.data.month_names import LANGUAGES
from revin_forecast.data.table_format import TableFormat
from revin_forecast.data.time_forms import (
    DIRECTIVE,
    END_OF_STEP,
    HOUR_OF_24,
    ISO_FORM,
    QUARTER_FORM,
    UNIT_FORMS,
    is_iso_form,
    split_form,
    split_language,
)

HOUR_DIRECTIVES = {"%H", "%-H", "%I", "%-I", HOUR_OF_24}
DAY_DIRECTIVES = {"%d", "%-d", "%j", "%-j", "%V", "%-V"}
SHORT_MONTH_WITH_POINT = "%b."
WRITTEN_DIRECTIVE = re.compile(rf"%b\.|{DIRECTIVE.pattern}")
NUMBER_FORMS = {"%Y", "%Y%m", "%Y%m%d", "%-m", "%-d", "%-H", "%-M", "%q", "%-V", HOUR_OF_24}
"""Forms of columns that hold numbers."""
DAY_MICROSECONDS = 24 * 60 * 60 * 1_000_000
SPREADSHEET_ORIGIN_DAYS = -25_569
"""Day 0 of spreadsheets (1899-12-30), in days from 1970."""
ISO_PARTS = re.compile(
    r"(?P<date>\d{4}-\d{2}(?:-\d{2})?)(?P<clock>(?P<gap>[T ])\d{2}(?P<minutes>:\d{2})?"
    r"(?P<seconds>:\d{2})?(?P<fraction>\.\d+)?)?(?P<offset>Z| ?[+-]\d{2}(?::?\d{2})?)?"
)
"""Pattern of an example of ISO 8601."""


def format_timestamps(timestamps: pd.DatetimeIndex, format: TableFormat) -> pd.DataFrame:
    """Return the time columns of a table in the form of its times.

    The columns have the names of the time columns of the format, which may be several (year and
    month). Cells are numbers (2024, 202412, counts of seconds) or text. Times that the form can't
    express become ISO 8601. Without a form, the column holds the timestamps.

    >>> days = pd.date_range("2024-12-31", periods=2)
    >>> format_timestamps(days, TableFormat(time="day", time_form="%d.%m.%Y"))["day"].tolist()
    ['31.12.2024', '01.01.2025']
    """
    names, form = format.time_columns, format.time_form
    if form is None or not names:
        return pd.DataFrame({format.time_name: timestamps})
    # A forecast of many series repeats each time, and formatting is slow.
    codes, distinct = pd.factorize(timestamps)
    stamps = pd.DatetimeIndex(distinct)
    cells = _format_columns(stamps, form, len(names), format.frequency)
    return pd.DataFrame(
        {name: column.take(codes) for name, column in zip(names, cells, strict=True)}
    )


def _format_columns(
    stamps: pd.DatetimeIndex, form: str, count: int, frequency: str | None
) -> list[np.ndarray]:
    """Return the cells of each time column."""
    if form in UNIT_FORMS:
        return [_count_units(stamps, form)]
    text, language = split_language("%YQ%q" if form == QUARTER_FORM else form)
    parts = split_form(text, count) or []
    if is_iso_form(form) or not parts or not _can_express(stamps, text):
        return [_format_iso(stamps, form, frequency)] * count
    ends = stamps if frequency is None else stamps + to_offset(frequency)
    columns = []
    for part in parts:
        cells = np.empty(len(stamps), dtype=object)
        for row, (stamp, end) in enumerate(zip(stamps, ends, strict=True)):
            cells[row] = _format_stamp(stamp, end, part, language)
        columns.append(cells.astype(np.int64) if part in NUMBER_FORMS else cells)
    return columns


def _can_express(stamps: pd.DatetimeIndex, form: str) -> bool:
    """Return whether a form has the parts in which timestamps differ."""
    directives = set(DIRECTIVE.findall(form))
    local = stamps.tz_localize(None)
    if not directives & HOUR_DIRECTIVES and (local != local.normalize()).any():
        return False
    if directives & {"%V", "%-V"} and "%u" not in directives:
        return bool((local.day_of_week == 0).all())
    return bool(directives & DAY_DIRECTIVES) or bool((local.day == 1).all())


def _count_units(stamps: pd.DatetimeIndex, form: str) -> np.ndarray:
    """Return counts of the form's unit, whole numbers if they are."""
    unit = UNIT_FORMS[form]
    utc = stamps if stamps.tz is None else stamps.tz_convert("UTC").tz_localize(None)
    if unit != "D" and unit != "s":
        return utc.as_unit(unit).asi8
    counts = utc.as_unit("us").asi8
    if unit == "D":
        counts = counts - SPREADSHEET_ORIGIN_DAYS * DAY_MICROSECONDS
    size = DAY_MICROSECONDS if unit == "D" else 1_000_000
    return counts / size if (counts % size).any() else counts // size


def _format_iso(stamps: pd.DatetimeIndex, form: str, frequency: str | None) -> np.ndarray:
    """Return ISO 8601, in the parts of the form's example if it has one."""
    cells = np.empty(len(stamps), dtype=object)
    parts = ISO_PARTS.fullmatch(form.removeprefix(f"{ISO_FORM} like "))
    if parts is None:
        # Times of a day are written in full even if all are midnight.
        is_below_a_day = frequency is not None and stamps.size > 0 and _is_below_a_day(frequency)
        are_days = stamps.tz is None and bool((stamps == stamps.normalize()).all())
        example = "2024-12-31" if are_days and not is_below_a_day else "2024-12-31 23:00:00"
        fraction = _count_decimals(stamps)
        example += f".{'0' * fraction}" if fraction else ""
        parts = ISO_PARTS.fullmatch(example + ("+00:00" if stamps.tz is not None else ""))
    assert parts is not None  # the examples above match
    for row, stamp in enumerate(stamps):
        cells[row] = _format_parts(stamp, parts)
    return cells


def _is_below_a_day(frequency: str) -> bool:
    offset = to_offset(frequency)
    return isinstance(offset, pd.offsets.Tick) and pd.Timedelta(offset) < pd.Timedelta(days=1)


def _count_decimals(stamps: pd.DatetimeIndex) -> int:
    """Return the digits after the seconds that timestamps need."""
    if stamps.nanosecond.any():
        return 9
    micros = np.asarray(stamps.microsecond)
    return 0 if not micros.any() else 6 if (micros % 1000).any() else 3


def _format_parts(stamp: pd.Timestamp, parts: re.Match[str]) -> str:
    """Return a timestamp in the parts of an example of ISO 8601."""
    text = f"{stamp.year:04d}-{stamp.month:02d}"
    if len(parts["date"]) > 7:
        text += f"-{stamp.day:02d}"
    if parts["clock"]:
        text += f"{parts['gap']}{stamp.hour:02d}"
        text += f":{stamp.minute:02d}" if parts["minutes"] else ""
        text += f":{stamp.second:02d}" if parts["seconds"] else ""
        digits = f".{stamp.microsecond:06d}{stamp.nanosecond:03d}"
        text += digits[: len(parts["fraction"])] if parts["fraction"] else ""
    return text + _format_offset(stamp, parts["offset"] or "")


def _format_offset(stamp: pd.Timestamp, example: str) -> str:
    """Return the offset from UTC as an example writes it; "" without an example."""
    offset = stamp.utcoffset()
    if not example or offset is None:
        return ""
    minutes = int(offset.total_seconds() // 60)
    if example == "Z" and not minutes:
        return "Z"
    hours, minutes = divmod(abs(minutes), 60)
    colon = "" if len(example.strip()) == 5 else ":"
    rest = "" if len(example.strip()) == 3 and not minutes else f"{colon}{minutes:02d}"
    space = " " if example.startswith(" ") else ""
    return f"{space}{'-' if offset.total_seconds() < 0 else '+'}{hours:02d}{rest}"


def _format_stamp(stamp: pd.Timestamp, end: pd.Timestamp, form: str, language: str) -> str:
    """Return a timestamp in a form of strftime, with the further directives of this package."""

    def expand(match: re.Match[str]) -> str:
        directive = match[0]
        if directive == HOUR_OF_24:
            return str(stamp.hour + 1)
        if directive == END_OF_STEP:
            return f"{end.hour:02d}:{end.minute:02d}"
        if directive == SHORT_MONTH_WITH_POINT:
            return _format_short_month(stamp, language)
        text = _format_directive(stamp, directive[-1], language)
        return text.lstrip("0") or "0" if directive[1] == "-" else text

    return WRITTEN_DIRECTIVE.sub(expand, form)


def _format_short_month(stamp: pd.Timestamp, language: str) -> str:
    """Return the name of a month with a point if it is shortened: janv., mars."""
    names, index = LANGUAGES[language], stamp.month - 1
    short = names.short_months[index]
    return short if short == names.months[index] else f"{short}."


def _format_directive(stamp: pd.Timestamp, letter: str, language: str) -> str:
    """Return a part of a timestamp by the letter of strftime; independent of the locale."""
    names = LANGUAGES[language]
    iso = stamp.isocalendar()
    half = "AM" if stamp.hour < 12 else "PM"
    hour = stamp.hour % 12 or 12
    numbers = {
        "Y": (stamp.year, 4),
        "y": (stamp.year % 100, 2),
        "m": (stamp.month, 2),
        "d": (stamp.day, 2),
        "H": (stamp.hour, 2),
        "I": (hour, 2),
        "M": (stamp.minute, 2),
        "S": (stamp.second, 2),
        "f": (stamp.microsecond, 6),
        "j": (stamp.day_of_year, 3),
        "q": (stamp.quarter, 1),
        "G": (iso[0], 4),
        "V": (iso[1], 2),
        "u": (iso[2], 1),
    }
    if letter in numbers:
        number, width = numbers[letter]
        return f"{number:0{width}d}"
    words = {
        "p": half,
        "b": names.short_months[stamp.month - 1],
        "B": names.months[stamp.month - 1],
        "a": names.short_weekdays[stamp.weekday()],
        "A": names.weekdays[stamp.weekday()],
        "z": _format_offset(stamp, "+0000"),
        "Z": cast(str, stamp.tzname() or ""),
        "%": "%",
    }
    return words[letter]
