"""Known inputs: calendar features and columns that are known for future steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from revin_forecast.data.calendar_effects import compute_calendar_effect, is_calendar_effect
from revin_forecast.data.holiday_calendar import (
    DAY,
    HOLIDAY_PREFIX,
    count_holidays,
    measure_step,
)
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError

# Each is scaled to [-0.5, 0.5], as in the reference implementation of Informer (Zhou et al., AAAI
# 2021).
CALENDAR_FEATURES: dict[str, Callable[[Any], Any]] = {
    "minute": lambda stamps: stamps.minute / 59 - 0.5,
    "hour": lambda stamps: stamps.hour / 23 - 0.5,
    "weekday": lambda stamps: stamps.day_of_week / 6 - 0.5,
    "day": lambda stamps: (stamps.day - 1) / 30 - 0.5,
    "yearday": lambda stamps: (stamps.day_of_year - 1) / 365 - 0.5,
    "month": lambda stamps: (stamps.month - 1) / 11 - 0.5,
}
STEP = "step"


def choose_calendar_features(frequency: str | None) -> tuple[str, ...]:
    """Return the calendar features that vary between steps of a frequency.

    Raises:
        InputError: the frequency is unknown.

    >>> choose_calendar_features("h")
    ('hour', 'weekday', 'day', 'yearday')
    >>> choose_calendar_features("MS")
    ('month',)
    """
    if frequency is None:
        raise InputError(
            "the frequency of the rows is unknown, so calendar features can't be chosen. "
            "Pass --frequency (h, D, W-SAT, MS, ...)."
        )
    step = measure_step(frequency)
    if step >= 20 * DAY:
        return ("month",)
    if step >= 5 * DAY:
        return ("day", "yearday")
    days = ("weekday", "day", "yearday")
    if step >= DAY:
        return days
    return ("hour", *days) if step >= pd.Timedelta(hours=1) else ("minute", "hour", *days)


def expand_names(names: Sequence[str], frequency: str | None) -> tuple[str, ...]:
    """Return names of known inputs with "calendar" replaced by the features of a frequency.

    >>> expand_names(["calendar", "price"], "D")
    ('weekday', 'day', 'yearday', 'price')
    """
    expanded: list[str] = []
    for name in names:
        expanded += choose_calendar_features(frequency) if name == "calendar" else (name,)
    return tuple(dict.fromkeys(expanded))


def table_columns(names: Sequence[str]) -> list[str]:
    """Return the names that are columns of the table; `names` is expanded."""
    return [name for name in names if not is_computed(name)]


def is_computed(name: str) -> bool:
    """Return whether a known input follows from the times alone, so that no table has it."""
    is_named = name == STEP or name in CALENDAR_FEATURES or name.startswith(HOLIDAY_PREFIX)
    return is_named or is_calendar_effect(name)


def known_covariates(
    names: Sequence[str],
    timestamps: pd.DatetimeIndex,
    frequency: str | None,
    columns: np.ndarray | None = None,
) -> np.ndarray:
    """Return (time, covariates) float64, in the order of the names.

    Args:
        names: "step" (step number), calendar features, holidays ("holiday:DE"), columns of
            `expand_effects`, or columns of the table; expanded.
        timestamps: (time,) timestamps of the steps.
        frequency: frequency of the steps, needed for "step".
        columns: (time, columns of the table), standardized, in the order of `table_columns`.

    Raises:
        InputError: a column has a gap, or "step" is named and the frequency is unknown.
    """
    column_names = table_columns(names)
    parts = []
    for name in names:
        if name in CALENDAR_FEATURES:
            parts.append(np.asarray(CALENDAR_FEATURES[name](timestamps), dtype=np.float64))
        elif name == STEP:
            parts.append(number_steps(timestamps, frequency))
        elif name.startswith(HOLIDAY_PREFIX):
            parts.append(count_holidays(name, timestamps, frequency))
        elif is_calendar_effect(name):
            parts.append(compute_calendar_effect(name, timestamps))
        else:
            assert columns is not None  # callers that name columns pass their values
            parts.append(columns[:, column_names.index(name)])
    known = np.stack(parts, axis=1) if parts else np.empty((len(timestamps), 0))
    # Unlike gaps in the series, gaps in known inputs are rejected: no model masks them.
    if not np.isfinite(known).all():
        row, column = np.argwhere(~np.isfinite(known))[0]
        raise InputError(
            f"{names[column]} is not known at {timestamps[row]}; a known input needs a value for "
            "every step of the past and of the horizon (--future FILE). Fill it in, or leave the "
            "column out."
        )
    return known


def number_steps(timestamps: pd.DatetimeIndex, frequency: str | None) -> np.ndarray:
    """Return (time,) step numbers since 1970: a step has the same number in every table.

    Raises:
        InputError: the frequency is unknown.

    >>> number_steps(pd.DatetimeIndex(["1970-01-01 01:00", "1970-01-02"]), "h")
    array([ 1., 24.])
    """
    if frequency is None:
        raise InputError(
            "the frequency of the rows is unknown, so steps can't be numbered. "
            "Pass --frequency (h, D, W-SAT, MS, ...)."
        )
    offset = to_offset(frequency)
    # In local time, clock changes do not shift the numbers of days.
    local, start = timestamps.tz_localize(None), pd.Timestamp("1970-01-01")
    if isinstance(offset, pd.offsets.Tick | pd.offsets.Day):
        is_days = isinstance(offset, pd.offsets.Day)
        step = pd.Timedelta(days=offset.n) if is_days else pd.Timedelta(offset)
        number = np.asarray((local - start) // step)
    elif offset.rule_code in ("B", "C"):
        number = np.busday_count("1970-01-01", local.values.astype("datetime64[D]")) // offset.n
    else:
        number = np.asarray(local.to_period(_find_period_alias(offset)).asi8) // offset.n
    return number.astype(np.float64)


@dataclass(frozen=True, eq=False)
class KnownColumns:
    """Columns of the table that are known for future steps: prices, holidays, planned sales."""

    history: Series
    """The columns in the rows of the table, in its units."""
    standardizer: Standardizer
    """z-score, so that all columns have a similar size."""

    @classmethod
    def fit(cls, series: Series, names: Sequence[str], rows: int) -> "KnownColumns":
        """Select columns of a series; their z-score is fitted on the first `rows` rows."""
        history = series.select(names)
        return cls(history, Standardizer.fit(history.values[:rows]))

    def look_up_values(
        self, timestamps: pd.DatetimeIndex, future: Series | None = None
    ) -> np.ndarray:
        """Return (steps, columns) standardized values at each timestamp, NaN where unknown.

        Args:
            timestamps: timestamps of the steps.
            future: the columns after the rows of the table; it overrides the history.
        """
        # Duplicate timestamps keep the first row, so `future` comes first.
        parts = [self.history] if future is None else [future, self.history]
        names = self.history.names
        frames = [pd.DataFrame(part.select(names).values, part.timestamps) for part in parts]
        joined = pd.concat(frames)
        values = joined[~joined.index.duplicated()].reindex(timestamps)
        return self.standardizer.transform(values.to_numpy())

    def slice_rows(self, start: int, stop: int) -> "KnownColumns":
        """Return the same columns for a slice of the history."""
        return KnownColumns(self.history.slice_rows(start, stop), self.standardizer)


def _find_period_alias(offset: Any) -> str:
    """Return the period of a calendar offset: month starts and month ends are both months."""
    name, _, anchor = offset.rule_code.partition("-")
    name = name.removeprefix("B") if len(name) > 1 else name
    name = name.removesuffix("S").removesuffix("E")
    return f"{name}-{anchor}" if anchor else name
