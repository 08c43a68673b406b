"""Public holidays of a country as known inputs; the library `holidays` has the dates."""

import functools
import importlib
import re
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from revin_forecast.errors import InputError, did_you_mean, format_install_command

HOLIDAY_PREFIX = "holiday:"
DAY = cast(pd.Timedelta, pd.Timedelta(days=1))
HARMONICS = 2
"""Number of cosines and sines of the time of day that shape a holiday of hourly rows."""
_COLUMN = re.compile(
    r"holiday:(?P<code>[^/@*]+)(/(?P<name>[^@*]+))?(@(?P<shift>[+-]1))?(\*(?P<wave>[a-z]+\d))?"
)


def count_holidays(
    column: str, timestamps: pd.DatetimeIndex, frequency: str | None = None
) -> np.ndarray:
    """Return (time,) the number of holidays in each step; 0 or 1 for steps of at most a day.

    A step of weeks or months counts the holidays in it. A row dated at the start of its step (MS, a
    week on a Monday) counts those from its date on, any other row those up to its date.

    Args:
        column: "holiday:DE" or "holiday:DE-BY" for all holidays of a country or a part of it;
            "holiday:DE/New Year's Day" for one of them, by its English name; with "@-1" or "@+1"
            for the day (or the week) before or after; with "*cos1" or "*sin1" for the part of
            hourly rows that follows such a wave of one day.
        timestamps: time of each step; time zones are ignored, so a day is a local day.
        frequency: frequency of the steps; None: steps of at most a day.

    Raises:
        InputError: the column is not a holiday, the country is unknown, or `holidays` is missing.
    """
    match = _COLUMN.fullmatch(column)
    if match is None:
        raise InputError(
            f"{column!r} is not a holiday. Write the code of a country and, if its parts have "
            "holidays of their own, the part: holiday:DE or holiday:DE-BY."
        )
    local = timestamps.tz_localize(None)
    dates = load_holidays(match["code"], _list_years(local))
    chosen = _merge_dates(dates) if match["name"] is None else dates.get(match["name"], _NO_DATES)
    start, stop = _find_step_days(local, frequency)
    # The day after a holiday is a day whose day before is one.
    shift = -int(match["shift"] or 0) * (stop - start)
    counts = np.searchsorted(chosen, stop + shift) - np.searchsorted(chosen, start + shift)
    values = counts.astype(np.float64)
    return values * _compute_wave(local, match["wave"]) if match["wave"] else values


def list_holiday_columns(
    name: str, timestamps: pd.DatetimeIndex, frequency: str | None = None
) -> tuple[str, ...]:
    """Return the columns by which the effect of a country's holidays is estimated.

    The first is shared by all holidays. Each holiday adds its own column, and one for the day or
    the week before it and after it, so that few occurrences of a holiday lean on the others.
    Columns that are zero at all timestamps are left out.

    Args:
        name: "holiday:DE" or "holiday:DE-BY".
        timestamps: time of each step that the effects are estimated on.
        frequency: frequency of the steps.
    """
    code = name.removeprefix(HOLIDAY_PREFIX)
    shifts = ("@-1", "", "@+1") if measure_step(frequency) < 20 * DAY else ("",)
    columns = [name]
    if measure_step(frequency) < DAY:
        numbers = range(1, HARMONICS + 1)
        columns += [f"{name}*{wave}{number}" for number in numbers for wave in ("cos", "sin")]
    for holiday in sorted(load_holidays(code, _list_years(timestamps.tz_localize(None)))):
        columns += [f"{name}/{holiday}{shift}" for shift in shifts]
    return tuple(
        column for column in columns if count_holidays(column, timestamps, frequency).any()
    )


def measure_step(frequency: str | None) -> pd.Timedelta:
    """Return the length of a step of a frequency, that at the start of 2024 if lengths differ.

    An unknown frequency counts as daily.

    >>> str(measure_step("W-TUE")), str(measure_step("h"))
    ('7 days 00:00:00', '0 days 01:00:00')
    """
    if frequency is None:
        return DAY
    # The first addition only leads to a time on the grid: to the next Tuesday.
    start = pd.Timestamp("2024-01-01") + to_offset(frequency)
    return cast(pd.Timedelta, (start + to_offset(frequency)) - start)


def load_holidays(code: str, years: tuple[int, ...]) -> Mapping[str, np.ndarray]:
    """Return the sorted dates of each holiday by its English name.

    Args:
        code: code of a country or of a market (DE, US, NYSE), with "-" and a part (DE-BY).
        years: years to list.

    Raises:
        InputError: the code is unknown, or the library `holidays` is not installed.
    """
    return _load_holidays(code.strip(), years)


@functools.lru_cache(maxsize=64)
def _load_holidays(code: str, years: tuple[int, ...]) -> Mapping[str, np.ndarray]:
    calendar = _open_calendar(code, years)
    dates: dict[str, list[Any]] = {}
    for date in calendar:
        for name in calendar.get_list(date):
            # "Independence Day (observed)" acts like Independence Day.
            dates.setdefault(re.sub(r"\s*\(.*\)$", "", name).strip(), []).append(date)
    # The separators of column names can't be part of a name.
    return {
        re.sub(r"[/@*]", " ", name): np.array(sorted(set(days)), dtype="datetime64[D]")
        for name, days in dates.items()
    }


def _open_calendar(code: str, years: tuple[int, ...]) -> Any:
    """Return the holidays of a country or a market, a mapping of dates to names."""
    try:
        library: Any = importlib.import_module("holidays")
    except ImportError:
        raise InputError(
            f"{HOLIDAY_PREFIX}{code} needs the library holidays, which is not installed: "
            f"{format_install_command('holidays')}"
        ) from None
    country, _, part = code.partition("-")
    country = country.upper()
    countries: Mapping[str, list[str]] = library.list_supported_countries(include_aliases=True)
    markets = library.list_supported_financial(include_aliases=True)
    # English names everywhere, so that the environment's language does not change the columns.
    options = {"years": years, "language": "en_US"}
    if country in markets and not part:
        return library.financial_holidays(country, **options)
    if country not in countries:
        raise InputError(
            f"{HOLIDAY_PREFIX}{code} names no country that the library holidays knows."
            f"{did_you_mean(country, [*countries, *markets], HOLIDAY_PREFIX)} It knows "
            f"{sum(len(code) == 2 for code in countries)} countries by their two letters (DE, FR, "
            f"US) and the markets {', '.join(sorted(markets))}."
        )
    try:
        return library.country_holidays(country, subdiv=part or None, **options)
    except NotImplementedError:
        parts = ", ".join(sorted(countries[country])) or "none"
        raise InputError(
            f"{HOLIDAY_PREFIX}{code}: {country} has no part {part!r}. Leave the part out, or take "
            f"one of its parts: {parts}."
        ) from None


_NO_DATES = np.array([], dtype="datetime64[D]")


def _merge_dates(dates: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.unique(np.concatenate([_NO_DATES, *dates.values()]))


def _list_years(local: pd.DatetimeIndex) -> tuple[int, ...]:
    """Return the years of the timestamps and their neighbours, for steps and days about them."""
    if local.empty:
        return ()
    years = np.asarray(local.year)
    return tuple(range(int(years.min()) - 1, int(years.max()) + 2))


def _find_step_days(
    local: pd.DatetimeIndex, frequency: str | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return (time,) the first day of each step and the day after its last."""
    days = local.normalize()
    if measure_step(frequency) < 2 * DAY:
        start, stop = days, days + DAY
    else:
        offset = to_offset(str(frequency))
        name = offset.rule_code.partition("-")[0]
        is_tick = isinstance(offset, pd.offsets.Tick | pd.offsets.Day)
        if is_tick or name.endswith("S") or offset.rule_code == "W-MON":
            start, stop = days, days + offset
        else:
            start, stop = (days - offset) + DAY, days + DAY
    return start.values.astype("datetime64[D]"), stop.values.astype("datetime64[D]")


def _compute_wave(local: pd.DatetimeIndex, wave: str) -> np.ndarray:
    """Return (time,) a cosine or sine of the time of day."""
    share = np.asarray((local - local.normalize()) / DAY, dtype=np.float64)
    angle = 2 * np.pi * int(wave[3:]) * share
    return np.cos(angle) if wave.startswith("cos") else np.sin(angle)
