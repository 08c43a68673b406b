from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from revin_forecast.errors import InputError


@dataclass(frozen=True)
class Layout:
    """How the table was laid out that a series came from, so that a forecast looks the same."""

    time: str = "date"
    """Name of the time column."""
    id: str | None = None
    """Name of the series column of a long table; None: wide, one column a series."""
    value: str | None = None
    """Name of the value column of a long table."""


@dataclass(frozen=True, eq=False)
class Series:
    """Channels over time: values with their time stamps, names and rhythm.

    Raises:
        ValueError: the parts disagree in size.
    """

    values: np.ndarray
    """(time, channels) float64; NaN where unobserved, infinities included."""
    timestamps: pd.DatetimeIndex
    names: tuple[str, ...]
    frequency: str | None = None
    """As pandas writes it (h, 15min, W-SAT, MS); None: unknown."""
    layout: Layout = Layout()

    def __post_init__(self):
        wanted = (len(self.timestamps), len(self.names))
        if self.values.shape != wanted:
            raise ValueError(
                f"values have shape {self.values.shape}; stamps and names say {wanted}"
            )
        values = self.values.astype(np.float64, copy=False)
        finite = np.isfinite(values)
        object.__setattr__(
            self, "values", values if finite.all() else np.where(finite, values, np.nan)
        )

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.values)

    @property
    def observed(self) -> np.ndarray:
        """(time, channels): True where really measured."""
        return np.isfinite(self.values)

    def rows(self, start: int, stop: int) -> "Series":
        """Return a part of the rows."""
        return replace(self, values=self.values[start:stop], timestamps=self.timestamps[start:stop])

    def select(self, names: Sequence[str]) -> "Series":
        """Return some channels, in the order named.

        Raises:
            InputError: a name that is not there.
        """
        absent = [name for name in names if name not in self.names]
        if absent:
            raise InputError(f"there is no column {absent} among {list(self.names)}.")
        places = [self.names.index(name) for name in names]
        return replace(self, values=self.values[:, places], names=tuple(names))

    def future_timestamps(self, horizon: int) -> pd.DatetimeIndex:
        """Return the stamps of the `horizon` steps after the last row.

        Raises:
            InputError: the rhythm is not known.
        """
        if self.frequency is None:
            raise InputError(
                "the step between rows is not known, so the forecast can't be dated. "
                "Pass --frequency (h, D, W-SAT, MS, ...)."
            )
        last = self.timestamps[-1]
        stamps = pd.date_range(last, periods=horizon + 1, freq=self.frequency)
        # Rows taken as they are may end off the grid; then its first stamp is already a new one.
        return stamps[stamps > last][:horizon]

    def to_frame(self, values: np.ndarray, timestamps: pd.DatetimeIndex) -> pd.DataFrame:
        """Lay values (time, channels) of these channels out as the table was."""
        layout = self.layout
        if layout.id is None:
            wide = pd.DataFrame(values, columns=list(self.names))
            wide.insert(0, layout.time, timestamps)
            return wide
        steps, channels = values.shape
        return pd.DataFrame(
            {
                layout.id: np.repeat(np.array(self.names, dtype=object), steps),
                layout.time: timestamps.repeat(1).append([timestamps] * (channels - 1)),
                layout.value: values.T.ravel(),
            }
        )
