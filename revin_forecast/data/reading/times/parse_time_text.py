"""`parse_time_text`: text to timestamps in any form, also those that pandas does not know."""

import re
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd

from revin_forecast.data.month_names import MONTH_NUMBERS, WEEKDAY_NUMBERS, simplify_name
from revin_forecast.data.time_forms import DIRECTIVE, split_language

PATTERNS = {
    "Y": r"\d{4}",
    "G": r"\d{4}",
    "y": r"\d{2}",
    "m": r"\d{1,2}",
    "d": r"\d{1,2}",
    "V": r"\d{1,2}",
    "u": r"[1-7]",
    "j": r"\d{1,3}",
    "q": r"[1-4]",
    "H": r"\d{1,2}",
    "I": r"\d{1,2}",
    "M": r"\d{2}",
    "S": r"\d{2}",
    "f": r"\d{1,9}",
    "p": r"[AaPp]\.?[Mm]\.?",
    "b": r"[^\W\d_]+",
    "B": r"[^\W\d_]+",
    "a": r"[^\W\d_]+",
    "A": r"[^\W\d_]+",
    "z": r"[zZ]|[+-]\d{2}(?::?\d{2})?",
    "Z": r"[A-Za-z]+(?:[/_+-][A-Za-z0-9_+-]+)*",
    "k": r"\d{1,2}",
    "end": r"\d{1,2}:\d{2}",
}
"""Pattern of each directive of a form."""
WORD_DIRECTIVES = "bBaA"
CENTURY_YEAR = 50
"""Years of two digits below this one are of the 21st century, others of the 20th."""
ZONE_HOURS = {
    **dict.fromkeys(("UTC", "GMT", "Z", "WET"), 0),
    **dict.fromkeys(("CET", "MEZ", "WEST"), 1),
    **dict.fromkeys(("CEST", "MESZ", "EET"), 2),
    "EEST": 3,
    "JST": 9,
    # The meaning of these in RFC 2822.
    **{"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7},
}
"""Hours by which the time of a zone is ahead of UTC, by its abbreviation."""
MICROSECONDS = {"D": 86_400_000_000, "H": 3_600_000_000, "M": 60_000_000, "S": 1_000_000}


def parse_time_text(text: pd.Series, form: str) -> pd.DatetimeIndex:
    """Return text as timestamps of microseconds, NaT where a cell does not have the form.

    Names of months and weekdays may be of any language of `LANGUAGES`. A weekday must be that of
    the date. Times with a zone are converted to UTC, unless all have that of one region.

    Args:
        text: cells without spaces at their ends, or missing.
        form: a form with directives, see `time_forms`.
    """
    # Long tables repeat each time for every series.
    codes, distinct = pd.factorize(text)
    cells = pd.Series(distinct, dtype=object)
    pattern, directives = compile_form(form)
    parts = cells.str.extract(pattern, flags=re.IGNORECASE)
    stamps = _combine(_read_parts(parts, directives), len(cells))
    index = pd.DatetimeIndex(stamps.view("M8[us]"))
    if "Z" in directives or "z" in directives:
        column = parts[directives.index("Z" if "Z" in directives else "z")]
        index = _apply_cell_zones(index, column)
    missing = codes < 0
    result = index.take(np.where(missing, 0, codes)) if len(cells) else index
    if not len(cells):
        return pd.DatetimeIndex(np.full(len(text), "NaT", "M8[us]"))
    return pd.DatetimeIndex(result.where(~missing)) if missing.any() else result


@lru_cache(maxsize=256)
def compile_form(form: str) -> tuple[str, tuple[str, ...]]:
    """Return the regular expression of a form, with a group for each directive, and these."""
    form, _ = split_language(form)
    pattern, position, directives = "", 0, []
    for match in DIRECTIVE.finditer(form):
        pattern += _escape(form[position : match.start()], directives[-1:])
        position = match.end()
        name = {"{1-24}": "k", "{end}": "end"}.get(match[0], match[0][-1])
        if name == "%":
            pattern += "%"
            continue
        directives.append(name)
        # A column of minutes has no zeros, but 12:5 is not a time of day.
        pattern += r"(\d{1,2})" if match[0] == "%-M" else f"({PATTERNS[name]})"
    pattern += _escape(form[position:], directives[-1:])
    return f"^{pattern}$", tuple(directives)


def _escape(literal: str, last: list[str]) -> str:
    """Return the pattern of the text between directives; a point after a name is optional."""
    if last and last[0] in WORD_DIRECTIVES:
        literal = literal.removeprefix(".")
        return rf"\.?{re.escape(literal)}".replace(r"\ ", r"\s+")
    return re.escape(literal).replace(r"\ ", r"\s+")


def _read_parts(parts: pd.DataFrame, directives: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return (cells,) numbers by directive, NaN where a cell has none."""
    numbers: dict[str, np.ndarray] = {}
    for index, name in enumerate(directives):
        column = parts[index]
        if name in "zZ":
            continue
        if name in "bB":
            values = column.map(_look_up(MONTH_NUMBERS), na_action="ignore")
        elif name in "aA":
            values = column.map(_look_up(WEEKDAY_NUMBERS), na_action="ignore")
        elif name == "p":
            values = column.str[0].str.lower().map({"a": 0, "p": 12})
        elif name == "f":
            values = column.str.ljust(6, "0").str[:6]
        elif name == "end":
            values = column.notna().where(column.notna()).astype(float)
        else:
            values = column
        known = pd.Series(pd.to_numeric(values, errors="coerce"))
        numbers[name] = known.to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers


def _look_up(numbers: dict[str, int]) -> Callable[[str], float]:
    return lambda name: numbers.get(simplify_name(name), np.nan)


def _combine(parts: dict[str, np.ndarray], count: int) -> np.ndarray:
    """Return (cells,) microseconds since 1970 as integers; that of NaT for an impossible date."""
    days, valid = _combine_date(parts, count)
    for name in ("a", "A"):
        if name in parts:
            # Day 0 was a Thursday.
            valid &= (days + 3) % 7 == parts[name]
    hours = parts.get("H", np.zeros(count))
    if "I" in parts:
        valid &= (parts["I"] >= 1) & (parts["I"] <= 12)
        hours = parts["I"] % 12 + parts.get("p", 0)
    if "k" in parts:
        hours = parts["k"] - 1
    minutes, seconds = parts.get("M", np.zeros(count)), parts.get("S", np.zeros(count))
    # 24:00 is the end of a day in ISO 8601.
    is_end = (hours == 24) & (minutes == 0) & (seconds == 0)
    valid &= ((hours >= 0) & (hours < 24) | is_end) & (minutes < 60) & (seconds < 60)
    valid &= np.all([np.isfinite(part) for part in parts.values()], axis=0)
    micros = parts.get("f", np.zeros(count))
    clock = [hours, minutes, seconds]
    total = np.where(valid, days, 0).astype(np.int64) * MICROSECONDS["D"]
    for part, unit in zip(clock, ("H", "M", "S"), strict=True):
        total += np.where(valid, part, 0).astype(np.int64) * MICROSECONDS[unit]
    total += np.where(valid, micros, 0).astype(np.int64)
    return np.where(valid, total, np.iinfo(np.int64).min)


def _combine_date(parts: dict[str, np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (cells,) days since 1970, and whether the date exists."""
    if "V" in parts and "G" in parts:
        return _combine_week(parts)
    year = parts.get("Y", parts.get("G"))
    if year is None:
        short = parts.get("y", np.full(count, np.nan))
        year = short + np.where(short < CENTURY_YEAR, 2000, 1900)
    if "V" in parts:
        return _combine_week({**parts, "G": year})
    month = parts.get("m", parts.get("b", parts.get("B")))
    if month is None:
        month = parts["q"] * 3 - 2 if "q" in parts else np.ones(count)
    day = parts.get("d", np.ones(count))
    valid = np.isfinite(year + month + day) & (year >= 1) & (month >= 1) & (month <= 12)
    valid &= day >= 1
    months = np.where(valid, (year - 1970) * 12 + month - 1, 0).astype(np.int64)
    first = months.view("M8[M]").astype("M8[D]")
    date = first + np.where(valid, day - 1, 0).astype(np.int64)
    if "j" in parts:
        last = parts["j"]
        date = first + np.where(np.isfinite(last), last - 1, 0).astype(np.int64)
        is_in_year = date.astype("M8[Y]") == first.astype("M8[Y]")
        return date.astype(np.int64).astype(float), valid & (last >= 1) & is_in_year
    valid &= date.astype("M8[M]") == first.astype("M8[M]")
    return date.astype(np.int64).astype(float), valid


def _combine_week(parts: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return (cells,) days since 1970 of weeks of ISO 8601, and whether the week exists."""
    year, week = parts["G"], parts["V"]
    weekday = parts.get("u", np.ones_like(year))
    valid = np.isfinite(year + week + weekday) & (year >= 1) & (week >= 1)
    years = np.where(valid, year - 1970, 0).astype(np.int64).view("M8[Y]")
    # The 4th of January is in the first week, and the year of a week is that of its Thursday.
    fourth = (years.astype("M8[D]") + 3).astype(np.int64)
    monday = fourth - (fourth + 3) % 7 + np.where(valid, week - 1, 0).astype(np.int64) * 7
    valid &= (monday + 3).view("M8[D]").astype("M8[Y]") == years
    return (monday + np.where(valid, weekday - 1, 0)).astype(float), valid


def _apply_cell_zones(stamps: pd.DatetimeIndex, zones: pd.Series) -> pd.DatetimeIndex:
    """Return local times of each cell's zone as UTC, or in the zone if it is that of a region."""
    names = zones.dropna().unique()
    if len(names) == 1 and "/" in names[0]:
        try:
            return stamps.tz_localize(names[0], ambiguous="NaT", nonexistent="NaT")
        except (ValueError, KeyError, OSError):
            pass
    hours = zones.map(lambda zone: np.nan if pd.isna(zone) else _find_offset(zone))
    shift = pd.to_timedelta(hours.to_numpy(np.float64, na_value=np.nan), unit="h").as_unit("us")
    return (stamps - shift).tz_localize("UTC")


def _find_offset(zone: str) -> float:
    """Return the hours of a zone ahead of UTC, NaN if it is unknown."""
    if match := re.fullmatch(r"([+-])(\d{2}):?(\d{2})?", zone):
        hours = int(match[2]) + int(match[3] or 0) / 60
        return -hours if match[1] == "-" else hours
    return float(ZONE_HOURS.get(zone.upper(), np.nan))
