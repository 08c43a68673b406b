"""What is known of a step beforehand: features of the calendar, and columns of the table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError

DAY = pd.Timedelta(days=1)

# Each in [-0.5, 0.5], as the authors of Informer (Zhou et al., AAAI 2021) feed them.
CALENDAR_FEATURES: dict[str, Callable[[Any], Any]] = {
    "minute": lambda stamps: stamps.minute / 59 - 0.5,
    "hour": lambda stamps: stamps.hour / 23 - 0.5,
    "weekday": lambda stamps: stamps.day_of_week / 6 - 0.5,
    "day": lambda stamps: (stamps.day - 1) / 30 - 0.5,
    "yearday": lambda stamps: (stamps.day_of_year - 1) / 365 - 0.5,
    "month": lambda stamps: (stamps.month - 1) / 11 - 0.5,
}
STEP = "step"


def calendar_features(frequency: str | None) -> tuple[str, ...]:
    """Return the calendar features that change from step to step at a frequency.

    >>> calendar_of("h")
    ('hour', 'weekday', 'day', 'yearday')
    >>> calendar_of("MS")
    ('month',)
    """
    if frequency is None:
        raise InputError(
            "the step between rows is not known, so calendar features can't be chosen. "
            "Pass --frequency (h, D, W-SAT, MS, ...)."
        )
    start = pd.Timestamp("2024-01-01")
    step = (start + to_offset(frequency)) - start
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

    >>> expanded(["calendar", "price"], "D")
    ('weekday', 'day', 'yearday', 'price')
    """
    found: list[str] = []
    for name in names:
        found += calendar_features(frequency) if name == "calendar" else (name,)
    return tuple(dict.fromkeys(found))


def table_columns(names: Sequence[str]) -> list[str]:
    """Return those of expanded names that are columns of the table."""
    return [name for name in names if name != STEP and name not in CALENDAR_FEATURES]


def known_covariates(
    names: Sequence[str],
    timestamps: pd.DatetimeIndex,
    frequency: str | None,
    columns: np.ndarray | None = None,
) -> np.ndarray:
    """Return (time, covariates) float64, in the order of the names.

    Args:
        names: "step" (running number), calendar features, or own columns; expanded.
        timestamps: of every step.
        frequency: that "step" counts in.
        columns: (time, own columns), standardized, in the order of `own_columns`.

    Raises:
        InputError: an own column has a gap, or "step" without a frequency.
    """
    own = table_columns(names)
    parts = []
    for name in names:
        if name in CALENDAR_FEATURES:
            parts.append(np.asarray(CALENDAR_FEATURES[name](timestamps), dtype=np.float64))
        elif name == STEP:
            parts.append(step_index(timestamps, frequency))
        else:
            assert columns is not None  # whoever names own columns passes them
            parts.append(columns[:, own.index(name)])
    known = np.stack(parts, axis=1) if parts else np.empty((len(timestamps), 0))
    if not np.isfinite(known).all():
        row, column = np.argwhere(~np.isfinite(known))[0]
        raise InputError(
            f"{names[column]} is not known at {timestamps[row]}; a known input needs a value for every "
            "step of the past and of the horizon. Fill it in, or leave the column out."
        )
    return known


def step_index(timestamps: pd.DatetimeIndex, frequency: str | None) -> np.ndarray:
    """Return the number of each step since 1970: the same step has the same number in any table.

    >>> running_number(pd.DatetimeIndex(["1970-01-01 01:00", "1970-01-02"]), "h")
    array([ 1., 24.])
    """
    if frequency is None:
        raise InputError(
            "the step between rows is not known, so steps can't be numbered. "
            "Pass --frequency (h, D, W-SAT, MS, ...)."
        )
    offset = to_offset(frequency)
    wall, start = timestamps.tz_localize(None), pd.Timestamp("1970-01-01")
    if isinstance(offset, pd.offsets.Tick | pd.offsets.Day):
        days = isinstance(offset, pd.offsets.Day)
        step = pd.Timedelta(days=offset.n) if days else pd.Timedelta(offset)
        number = np.asarray((wall - start) // step)
    elif offset.rule_code in ("B", "C"):
        number = np.busday_count("1970-01-01", wall.values.astype("datetime64[D]")) // offset.n
    else:
        number = np.asarray(wall.to_period(_period_alias(offset)).asi8) // offset.n
    return number.astype(np.float64)


@dataclass(frozen=True, eq=False)
class KnownColumns:
    """Own columns that are known beforehand: prices, holidays, what is planned."""

    history: Series
    """The columns over the rows at hand, in the table's units."""
    standardizer: Standardizer
    """z-score, so that they are of common size."""

    @classmethod
    def fit(cls, series: Series, names: Sequence[str], rows: int) -> "KnownColumns":
        """Take columns of a series, z-scored by its first rows."""
        history = series.select(names)
        return cls(history, Standardizer.fit(history.values[:rows]))

    def look_up_values(
        self, timestamps: pd.DatetimeIndex, future: Series | None = None
    ) -> np.ndarray:
        """Return (steps, columns) standardized values at each stamp, NaN where there is none.

        Args:
            timestamps: of the steps.
            future: the columns after the rows at hand.
        """
        parts = [self.history] if future is None else [future, self.history]
        names = self.history.names
        frames = [pd.DataFrame(part.select(names).values, part.timestamps) for part in parts]
        joined = pd.concat(frames)
        found = joined[~joined.index.duplicated()].reindex(timestamps)
        return self.standardizer.transform(found.to_numpy())

    def slice_rows(self, start: int, stop: int) -> "KnownColumns":
        """Keep some rows of the history."""
        return KnownColumns(self.history.slice_rows(start, stop), self.standardizer)


def _period_alias(offset: Any) -> str:
    """Return the period a calendar offset steps by: month starts and month ends are months."""
    name, _, anchor = offset.rule_code.partition("-")
    name = name.removeprefix("B") if len(name) > 1 else name
    name = name.removesuffix("S").removesuffix("E")
    return f"{name}-{anchor}" if anchor else name
