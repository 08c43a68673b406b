"""revin_forecast/data/series.py."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from revin_forecast.errors import InputError


@dataclass(frozen=True)
class TableLayout:
    """How the table was laid out that a series came from, so that a forecast looks the same."""

    time: str = "date"
    """Name of the time column."""
    id: str | None = None
    """Name of the series column of a long table; None: wide, one column a series."""
    value: str | None = None
    """Name of the value column of a long table."""

    def build_frame(
        self, names: Sequence[str], columns: Mapping[str, np.ndarray], timestamps: pd.DatetimeIndex
    ) -> pd.DataFrame:
        """Lay values out: a row a step (wide), or a row a series and step (long).

        Args:
            names: of the channels.
            columns: (time, channels) by what is put behind a column's name.
            timestamps: (time,), or (channels x time,) where the channels have stamps of their own.

        Raises:
            InputError: a name would stand there twice.
        """
        if self.id is None:
            shown = [name + ending for name in names for ending in columns]
            _check_unique_names([self.time, *shown])
            # (time, channels, columns), so that a channel's columns stand side by side
            values = np.stack(list(columns.values()), axis=2).reshape(len(timestamps), len(shown))
            wide = pd.DataFrame(values, columns=shown)
            wide.insert(0, self.time, timestamps)
            return wide
        steps = len(next(iter(columns.values())))
        if len(timestamps) == steps:
            timestamps = timestamps.take(np.tile(np.arange(steps), len(names)))
        parts = {f"{self.value}{ending}": part.T.ravel() for ending, part in columns.items()}
        _check_unique_names([self.id, self.time, *parts])
        ids = np.repeat(np.array(names, dtype=object), steps)
        return pd.DataFrame({self.id: ids, self.time: timestamps} | parts)


def format_names(names: Sequence[str], limit: int = 8) -> str:
    """Show names in a message, of many the first few.

    >>> listed(["a", "b", "c"], most=2)
    "['a', 'b', ... 3 in all]"
    """
    shown = ", ".join(repr(name) for name in names[:limit])
    return f"[{shown}, ... {len(names)} in all]" if len(names) > limit else f"[{shown}]"


def pluralize(number: int, noun: str) -> str:
    """Return a number of things.

    >>> counted(1, "row"), counted(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _check_unique_names(names: Sequence[str]) -> None:
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise InputError(
            f"the forecast would have more than one column {format_names(double)}; rename it in the "
            "table, or leave it out with --target."
        )


def format_timestamp(timestamp: object) -> str:
    """Return a stamp as people write it: midnight is left out.

    >>> shown_stamp(pd.Timestamp("2024-01-01"))
    '2024-01-01'
    """
    return str(timestamp).removesuffix(" 00:00:00")


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
    layout: TableLayout = TableLayout()
    inputs: tuple[str, ...] = ()
    """Names of channels that are used but not forecast."""
    last_timestamps: pd.DatetimeIndex | None = None
    """(channels,) stamp of each channel's own last row; None: all end with the last row."""
    has_aligned_ends: bool = False
    """True: each channel's own last row stands in the last row, whatever its stamp; `aligned`."""
    filled: np.ndarray | None = None
    """(time, channels) True where a gap was interpolated, from values after it as well; None:
    nowhere. Models learn from such values, but none is scored; see `data.missing.hide_filled`."""

    def __post_init__(self):
        wanted = (len(self.timestamps), len(self.names))
        if self.values.shape != wanted:
            raise ValueError(
                f"values have shape {self.values.shape}; stamps and names say {wanted}"
            )
        if self.last_timestamps is not None and len(self.last_timestamps) != len(self.names):
            raise ValueError(
                f"there are {len(self.last_timestamps)} lasts of {len(self.names)} channels"
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
        finite = np.isfinite(self.values)
        return finite if self.filled is None else finite & ~self.filled

    @property
    def unobserved_count(self) -> int:
        """The number of values that were not measured."""
        return int((~self.observed).sum())

    @property
    def first_observed(self) -> np.ndarray:
        """(channels,) the row of each channel's first observed value; one too many: it has none."""
        seen = self.observed
        return np.where(seen.any(axis=0), seen.argmax(axis=0), len(self))

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the channels that are forecast."""
        return tuple(name for name in self.names if name not in self.inputs)

    def slice_rows(self, start: int, stop: int) -> "Series":
        """Return a part of the rows; a channel that ended later then ends with the part."""
        stamps = self.timestamps[start:stop]
        lasts, cut = self.last_timestamps, len(self) - len(self.timestamps[:stop])
        if lasts is not None and cut and len(stamps):
            ended = pd.DatetimeIndex(lasts.to_series().clip(upper=stamps[-1]))
            lasts = self._earlier_timestamps(lasts, cut) if self.has_aligned_ends else ended
        filled = None if self.filled is None else self.filled[start:stop]
        values = self.values[start:stop]
        return replace(self, values=values, timestamps=stamps, last_timestamps=lasts, filled=filled)

    def select(self, names: Sequence[str]) -> "Series":
        """Return some channels, in the order named.

        Raises:
            InputError: a name that is not there.
        """
        place = {name: number for number, name in enumerate(self.names)}
        absent = [name for name in names if name not in place]
        if absent:
            raise InputError(f"there is no column {absent} among {format_names(self.names)}.")
        places = [place[name] for name in names]
        return replace(
            self,
            values=self.values[:, places],
            names=tuple(names),
            inputs=tuple(name for name in self.inputs if name in names),
            last_timestamps=None if self.last_timestamps is None else self.last_timestamps[places],
            filled=None if self.filled is None else self.filled[:, places],
        )

    def channel(self, name: str) -> tuple[pd.DatetimeIndex, np.ndarray]:
        """Return a channel's stamps and values, up to its own last row.

        Raises:
            InputError: there is no such channel.
        """
        return next(self.select([name]).iter_channels())

    def iter_channels(self) -> Iterator[tuple[pd.DatetimeIndex, np.ndarray]]:
        """Yield each channel's stamps and values, up to its own last row."""
        for place, values in enumerate(self.values.T):
            if self.last_timestamps is None:
                yield self.timestamps, values
            elif self.has_aligned_ends:
                one = replace(
                    self,
                    values=values[:, None],
                    names=("",),
                    inputs=(),
                    last_timestamps=self.last_timestamps[[place]],
                )
                yield one._channel_timestamps(one.timestamps), values
            else:
                size = int(self.timestamps.searchsorted(self.last_timestamps[place], side="right"))
                yield self.timestamps[:size], values[:size]

    def align_ends(self) -> "Series":
        """Move each channel so that its own last row is the last row; NaN comes in at the front.

        The stamps stay those of the channels that end last; `lasts` tells the others' own.
        """
        if self.last_timestamps is None or self.has_aligned_ends:
            return self
        source = np.arange(len(self))[:, None] - self._lags()
        values = np.take_along_axis(self.values, np.maximum(source, 0), axis=0)
        values[source < 0] = np.nan
        filled = self.filled
        if filled is not None:
            filled = np.take_along_axis(filled, np.maximum(source, 0), axis=0) & (source >= 0)
        return replace(self, values=values, has_aligned_ends=True, filled=filled)

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
        """Lay values (time, channels) of these channels out as the table was.

        Args:
            values: one column a channel.
            timestamps: of the channels that end with the last row; one that ended some steps
                before gets the stamps as many steps before.
        """
        return self._build_frame({"": values}, timestamps)

    def forecast_frame(self, columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
        """Lay a forecast of the targets out as the table was, dated from each one's own end.

        Args:
            columns: (horizon, targets) by what is put behind a column's name: "" for the forecast
                itself, "-lo-80" for a limit.

        Raises:
            InputError: the rhythm is not known, or a name would stand there twice.
        """
        part = self.select(self.targets)
        horizon = len(next(iter(columns.values())))
        return part._build_frame(columns, part.future_timestamps(horizon))

    def _build_frame(
        self, columns: Mapping[str, np.ndarray], timestamps: pd.DatetimeIndex
    ) -> pd.DataFrame:
        return self.layout.build_frame(self.names, columns, self._channel_timestamps(timestamps))

    def _channel_timestamps(self, timestamps: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return (channels x time,) stamps, a channel's as many steps earlier as it ended."""
        if self.last_timestamps is None:
            return timestamps
        lags = self._lags()
        earliest = self._earlier_timestamps(timestamps[:1], int(lags.max()))[0]
        grid = pd.date_range(earliest, timestamps[-1], freq=self.frequency)
        return grid.take((grid.get_indexer(timestamps) - lags[:, None]).ravel())

    def _lags(self) -> np.ndarray:
        """Return (channels,) how many steps before the last row each channel ended."""
        assert self.last_timestamps is not None  # asked by the callers
        earliest = min(self.last_timestamps.min(), self.timestamps[0])
        grid = pd.date_range(earliest, self.timestamps[-1], freq=self.frequency)
        return len(grid) - 1 - grid.get_indexer(self.last_timestamps)

    def _earlier_timestamps(self, stamps: pd.DatetimeIndex, steps: int) -> pd.DatetimeIndex:
        """Return stamps on the grid, some steps before."""
        if not steps:
            return stamps
        first = pd.date_range(end=stamps.min(), periods=steps + 1, freq=self.frequency)[0]
        grid = pd.date_range(first, stamps.max(), freq=self.frequency)
        return grid.take(grid.get_indexer(stamps) - steps)
