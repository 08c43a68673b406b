"""Columns of known inputs by which a closed form estimates their effects."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.data.holiday_calendar import HOLIDAY_PREFIX, list_holiday_columns

CATEGORIES: dict[str, Callable[[Any], Any]] = {
    "minute": lambda stamps: stamps.minute,
    "hour": lambda stamps: stamps.hour,
    "weekday": lambda stamps: stamps.day_of_week,
    "day": lambda stamps: stamps.day,
    "month": lambda stamps: stamps.month,
}
"""Calendar features of which each value has an effect of its own."""
YEAR_DAYS = 365.25
YEAR_HARMONICS = 3
"""Number of cosines and sines of the year by which the day of the year acts."""
MIN_YEARS = 1.5
"""Fewest years of rows for an effect of the day of the year."""
_CATEGORY = re.compile(rf"(?P<feature>{'|'.join(CATEGORIES)})=(?P<value>\d+)")
_YEAR_WAVE = re.compile(r"yearday\*(?P<wave>cos|sin)(?P<number>\d)")


def expand_effects(
    names: Sequence[str], timestamps: pd.DatetimeIndex, frequency: str | None
) -> dict[str, tuple[str, ...]]:
    """Return the columns by which the effect of each known input is estimated, by its name.

    A calendar feature becomes one 0/1 column for each of its values ("weekday=0"), the day of the
    year a few waves, a country's holidays the columns of `list_holiday_columns`. The step number
    and columns of the table stay as they are.

    Args:
        names: names of known inputs, with "calendar" already expanded.
        timestamps: time of each step that the effects are estimated on.
        frequency: frequency of the steps.

    >>> stamps = pd.date_range("2024-01-01", periods=60, freq="D")
    >>> expand_effects(["month", "price"], stamps, "D")
    {'month': ('month=1', 'month=2'), 'price': ('price',)}
    """
    columns: dict[str, tuple[str, ...]] = {}
    for name in names:
        if name in CATEGORIES:
            values = np.unique(np.asarray(CATEGORIES[name](timestamps)))
            columns[name] = tuple(f"{name}={value}" for value in values)
        elif name == "yearday":
            # Waves that were not seen twice, at least in part, are extrapolated at will.
            days = np.ptp(timestamps.values.astype("datetime64[D]").astype(np.int64))
            is_long = days >= MIN_YEARS * YEAR_DAYS
            numbers = range(1, YEAR_HARMONICS + 1 if is_long else 1)
            columns[name] = tuple(
                f"yearday*{wave}{number}" for number in numbers for wave in ("cos", "sin")
            )
        elif name.startswith(HOLIDAY_PREFIX):
            columns[name] = list_holiday_columns(name, timestamps, frequency)
        else:
            columns[name] = (name,)
    return columns


def is_calendar_effect(name: str) -> bool:
    """Return whether a name is a column that `expand_effects` makes of a calendar feature."""
    return bool(_CATEGORY.fullmatch(name) or _YEAR_WAVE.fullmatch(name))


def compute_calendar_effect(name: str, timestamps: pd.DatetimeIndex) -> np.ndarray:
    """Return (time,) float64 of a column for which `is_calendar_effect` holds.

    >>> stamps = pd.DatetimeIndex(["2024-01-01", "2024-01-02"])
    >>> compute_calendar_effect("weekday=1", stamps)
    array([0., 1.])
    """
    category = _CATEGORY.fullmatch(name)
    if category is not None:
        values = np.asarray(CATEGORIES[category["feature"]](timestamps))
        return (values == int(category["value"])).astype(np.float64)
    wave = _YEAR_WAVE.fullmatch(name)
    assert wave is not None  # callers ask `is_calendar_effect` first
    day = np.asarray(timestamps.day_of_year - 1, dtype=np.float64)
    angle = 2 * np.pi * int(wave["number"]) * day / YEAR_DAYS
    return np.cos(angle) if wave["wave"] == "cos" else np.sin(angle)
