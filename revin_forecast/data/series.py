"""`Series`, the in-memory form of every table that is read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import pandas as pd

from revin_forecast.data.forecast_frame import arrange_frame
from revin_forecast.data.formatting import format_names
from revin_forecast.data.future_dates import check_future_dates
from revin_forecast.data.range_settings import RangeSettings
from revin_forecast.data.table_format import WIDE_FORMAT, TableFormat
from revin_forecast.errors import InputError, spell_options


@dataclass(frozen=True, eq=False)
class Series:
    """Channels over time: values with timestamps, names and frequency.

    Raises:
        ValueError: the parts disagree in size.
    """

    values: np.ndarray
    """(time, channels) float64; NaN where unobserved. Infinities become NaN."""
    timestamps: pd.DatetimeIndex
    """(time,) time of each row."""
    names: tuple[str, ...]
    """Names of the channels."""
    frequency: str | None = None
    """Pandas frequency string (h, 15min, W-SAT, MS); None: unknown."""
    format: TableFormat = WIDE_FORMAT
    """Format of the table that was read, whose columns and layout a forecast repeats."""
    inputs: tuple[str, ...] = ()
    """Names of channels that are used but not forecast."""
    last_timestamps: pd.DatetimeIndex | None = None
    """(channels,) timestamp of each channel's own last row; None: all end with the last row."""
    has_aligned_ends: bool = False
    """True: each channel's own last row is in the last row of `values`; see `align_ends`."""
    filled: np.ndarray | None = None
    """(time, channels) True where a gap was interpolated, which uses later values; None: nowhere.
    Models learn from such values, but none is scored; see `hide_lookahead_fill`."""
    range_settings: RangeSettings = field(default_factory=RangeSettings)
    """The values that a forecast may take, as far as the user says."""
    has_named_targets: bool = False
    """True: the user named the series to forecast, so that also columns of 0 and 1 are series; see
    `find_binary_columns`."""
    notes: tuple[str, ...] = ()
    """Sentences on everything that reading changed or left out, with its lines in the file. Options
    are written as the caller writes them, see `spell_options`."""

    def __post_init__(self):
        required = (len(self.timestamps), len(self.names))
        if self.values.shape != required:
            raise ValueError(
                f"values have shape {self.values.shape}, but timestamps and names require "
                f"{required}"
            )
        if self.last_timestamps is not None and len(self.last_timestamps) != len(self.names):
            raise ValueError(
                f"there are {len(self.last_timestamps)} last_timestamps for {len(self.names)} "
                "channels"
            )
        values = self.values.astype(np.float64, copy=False)
        # One marker for gaps, so that no later code has to handle infinities.
        finite = np.isfinite(values)
        # The dataclass is frozen, so that a series can be shared without copies; `object` sets the
        # attribute all the same.
        object.__setattr__(
            self, "values", values if finite.all() else np.where(finite, values, np.nan)
        )
        if self.notes:
            object.__setattr__(self, "notes", tuple(map(spell_options, self.notes)))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.values)

    @property
    def observed(self) -> np.ndarray:
        """(time, channels) True where a value was measured."""
        finite = np.isfinite(self.values)
        return finite if self.filled is None else finite & ~self.filled

    @property
    def unobserved_count(self) -> int:
        """The number of values that were not measured."""
        return int((~self.observed).sum())

    @property
    def first_observed(self) -> np.ndarray:
        """(channels,) row of each channel's first observed value; the row count if it has none."""
        observed = self.observed
        return np.where(observed.any(axis=0), observed.argmax(axis=0), len(self))

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the channels that are forecast."""
        return tuple(name for name in self.names if name not in self.inputs)

    def slice_rows(self, start: int, stop: int) -> "Series":
        """Return a slice of the rows; channels that end after the slice then end with it."""
        timestamps = self.timestamps[start:stop]
        last_timestamps = self.last_timestamps
        rows_cut = len(self) - len(self.timestamps[:stop])
        if last_timestamps is not None and rows_cut and len(timestamps):
            # Aligned channels all lose the same number of rows; others lose those past the slice.
            if self.has_aligned_ends:
                last_timestamps = self._shift_timestamps_back(last_timestamps, rows_cut)
            else:
                clipped = last_timestamps.to_series().clip(upper=timestamps[-1])
                last_timestamps = pd.DatetimeIndex(clipped)
        return replace(
            self,
            values=self.values[start:stop],
            timestamps=timestamps,
            last_timestamps=last_timestamps,
            filled=None if self.filled is None else self.filled[start:stop],
        )

    def select(self, names: Sequence[str]) -> "Series":
        """Return some channels, in the order given.

        Raises:
            InputError: a name is unknown.
        """
        index_by_name = {name: index for index, name in enumerate(self.names)}
        absent = [name for name in names if name not in index_by_name]
        if absent:
            raise InputError(f"there is no column {absent} among {format_names(self.names)}.")
        indices = [index_by_name[name] for name in names]
        return replace(
            self,
            values=self.values[:, indices],
            names=tuple(names),
            inputs=tuple(name for name in self.inputs if name in names),
            last_timestamps=None if self.last_timestamps is None else self.last_timestamps[indices],
            filled=None if self.filled is None else self.filled[:, indices],
        )

    def channel(self, name: str) -> tuple[pd.DatetimeIndex, np.ndarray]:
        """Return a channel's timestamps and values, up to its own last row.

        Raises:
            InputError: there is no such channel.
        """
        return next(self.select([name]).iter_channels())

    def iter_channels(self) -> Iterator[tuple[pd.DatetimeIndex, np.ndarray]]:
        """Yield each channel's timestamps and values, up to its own last row."""
        for index, values in enumerate(self.values.T):
            if self.last_timestamps is None:
                yield self.timestamps, values
            elif self.has_aligned_ends:
                single = replace(
                    self,
                    values=values[:, None],
                    names=("",),
                    inputs=(),
                    last_timestamps=self.last_timestamps[[index]],
                )
                yield single._compute_channel_timestamps(single.timestamps), values
            else:
                size = int(self.timestamps.searchsorted(self.last_timestamps[index], side="right"))
                yield self.timestamps[:size], values[:size]

    def prepend_history(self, history: "Series", rows: int) -> "Series":
        """Return the series with earlier rows of another one in front, if the two connect.

        Rows that the other one lacks are gaps. Unchanged if it has no value among the earlier rows,
        or if the channels of one of the two end at different times.

        Args:
            history: earlier rows of the same channels.
            rows: number of rows to put in front.
        """
        if self.last_timestamps is not None or history.last_timestamps is not None:
            return self
        first = self.timestamps[:1]
        grid = pd.date_range(end=first[0], periods=rows + 1, freq=self.frequency)
        index = history.timestamps.get_indexer(grid[:-1])
        is_on_grid = bool((grid[-1:] == first).all())
        if not (index >= 0).any() or not is_on_grid:
            return self
        earlier = np.where((index >= 0)[:, None], history.values[index], np.nan)
        filled = None if self.filled is None else np.pad(self.filled, ((rows, 0), (0, 0)))
        return replace(
            self,
            values=np.concatenate([earlier, self.values]),
            timestamps=grid[:-1].append(self.timestamps),
            filled=filled,
        )

    def align_ends(self) -> "Series":
        """Shift each channel so that its own last row is the last row; NaN fills the front.

        `timestamps` stay those of the channels that end last; `last_timestamps` holds the last
        timestamp of each channel.
        """
        if self.last_timestamps is None or self.has_aligned_ends:
            return self
        # One gather for all channels; rows before a channel's first are masked below.
        source = np.arange(len(self))[:, None] - self._compute_lags()
        values = np.take_along_axis(self.values, np.maximum(source, 0), axis=0)
        values[source < 0] = np.nan
        filled = self.filled
        if filled is not None:
            filled = np.take_along_axis(filled, np.maximum(source, 0), axis=0) & (source >= 0)
        return replace(self, values=values, has_aligned_ends=True, filled=filled)

    def future_timestamps(self, horizon: int) -> pd.DatetimeIndex:
        """Return the timestamps of the `horizon` steps after the last row.

        Raises:
            InputError: the frequency is unknown, or there are no dates for all steps.
        """
        if self.frequency is None:
            raise InputError(
                "the frequency of the rows is unknown, so the forecast can't be dated. "
                "Pass --frequency (h, D, W-SAT, MS, ...)."
            )
        last = cast(pd.Timestamp, self.timestamps[-1])
        check_future_dates(last, self.frequency, horizon)
        timestamps = pd.date_range(last, periods=horizon + 1, freq=self.frequency)
        # A table read with grid=False may end off the grid; its first grid point is then new.
        return timestamps[timestamps > last][:horizon]

    def forecast_timestamps(self, horizon: int) -> pd.DatetimeIndex:
        """Return (horizon,) timestamps of a forecast, or (channels x horizon,) if ends differ."""
        return self._compute_channel_timestamps(self.future_timestamps(horizon))

    def forecast_frame(self, columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
        """Return a forecast of the targets in the layout of the table.

        Each target is dated from its own end.

        Args:
            columns: (horizon, targets) values by the suffix that is appended to a column's name:
                "" for the forecast, "-lo-80" for an interval limit.

        Raises:
            InputError: the frequency is unknown, or two columns would have the same name.
        """
        targets = self.select(self.targets)
        horizon = len(next(iter(columns.values())))
        timestamps = targets.forecast_timestamps(horizon)
        return arrange_frame(self.format, targets.names, columns, timestamps)

    def _compute_channel_timestamps(self, timestamps: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return (channels x time,) timestamps, shifted back by each channel's lag."""
        if self.last_timestamps is None:
            return timestamps
        lags = self._compute_lags()
        earliest = self._shift_timestamps_back(timestamps[:1], int(lags.max()))[0]
        grid = pd.date_range(earliest, timestamps[-1], freq=self.frequency)
        return grid.take((grid.get_indexer(timestamps) - lags[:, None]).ravel())

    def _compute_lags(self) -> np.ndarray:
        """Return (channels,) steps by which each channel ends before the last row."""
        assert self.last_timestamps is not None  # checked by the callers
        # A slice of aligned rows may start after a channel's last timestamp.
        earliest = min(self.last_timestamps.min(), self.timestamps[0])
        grid = pd.date_range(earliest, self.timestamps[-1], freq=self.frequency)
        return len(grid) - 1 - grid.get_indexer(self.last_timestamps)

    def _shift_timestamps_back(self, timestamps: pd.DatetimeIndex, steps: int) -> pd.DatetimeIndex:
        """Return the timestamps that are some grid steps earlier."""
        if not steps:
            return timestamps
        # Steps are counted on the grid, since months and business days differ in length.
        first = pd.date_range(end=timestamps.min(), periods=steps + 1, freq=self.frequency)[0]
        grid = pd.date_range(first, timestamps.max(), freq=self.frequency)
        return grid.take(grid.get_indexer(timestamps) - steps)
