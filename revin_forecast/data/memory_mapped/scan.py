"""One pass over a table's blocks: its grid of steps, its channels, their mean and deviation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from revin_forecast.data.memory_mapped.parquet_blocks import ParquetTable
from revin_forecast.data.reading.frequency import regular_grid
from revin_forecast.data.reading.numbers import parse_numbers
from revin_forecast.data.reading.pivot import channel_of_rows
from revin_forecast.data.reading.timestamps import parse_timestamps
from revin_forecast.data.scaling import ChannelMoments
from revin_forecast.data.series import TableLayout, format_names
from revin_forecast.errors import InputError

NO_TIMESTAMP = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class RowBlock:
    """Some rows of a table."""

    timestamps: pd.DatetimeIndex
    values: np.ndarray
    """(rows, channels) float64, NaN where unobserved; of a long table (rows,)."""
    channel: np.ndarray | None = None
    """(rows,) the channel of each row of a long table."""


class RowBlocks:
    """Iterates over the blocks of a table, as often as it is asked to.

    Args:
        table: wide or long.
        layout: names its columns.
        names: the channels; None: all series of a long table, which the first pass finds.
        index_names: names under which a numeric index of the frame counts as a column.
    """

    def __init__(
        self,
        table: ParquetTable,
        layout: TableLayout,
        names: Sequence[str] | None,
        index_names: Sequence[str],
    ):
        self.table = table
        self.layout = layout
        self.index_names = index_names
        self.can_add_names = names is None
        self._channel_indices = {name: number for number, name in enumerate(names or ())}

    @property
    def names(self) -> tuple[str, ...]:
        """The channels; of a long table, those seen so far."""
        return tuple(self._channel_indices)

    def __iter__(self) -> Iterator[RowBlock]:
        """Read the table."""
        layout = self.layout
        numbers = self.names if layout.value is None else (layout.value,)
        self.table.check_column_types([layout.time, *numbers])
        columns = [layout.time, *numbers, *filter(None, [layout.id])]
        for table in self.table.iter_blocks(columns, self.index_names):
            values = parse_numbers(table, numbers)
            stamps = parse_timestamps(table, layout.time)
            if layout.id is None:
                yield RowBlock(stamps, values)
                continue
            local, names = channel_of_rows(table, layout.id, None)
            channel = np.array([self._channel_index(name) for name in names])[local]
            kept = channel >= 0
            if kept.any():
                yield RowBlock(stamps[kept], values[kept, 0], channel[kept])

    def _channel_index(self, name: str) -> int:
        if self.can_add_names:
            return self._channel_indices.setdefault(name, len(self._channel_indices))
        return self._channel_indices.get(name, -1)


@dataclass(frozen=True, eq=False)
class Scan:
    """What one pass over a table came to."""

    names: tuple[str, ...]
    grid: pd.DatetimeIndex
    """Every step from the first to the last row, those without a row too."""
    frequency: str
    moments: ChannelMoments
    first_observed: np.ndarray
    """(channels,) step of each channel's first observed value; one too many: it has none."""
    last_steps: np.ndarray
    """(channels,) step of each channel's last row."""

    @property
    def lags(self) -> np.ndarray:
        """(channels,) steps by which each channel ends before the last row."""
        return len(self.grid) - 1 - self.last_steps

    @property
    def last_timestamps(self) -> pd.DatetimeIndex | None:
        """(channels,) stamp of each channel's own last row; None: all end with the last row."""
        return self.grid[self.last_steps] if self.lags.any() else None

    def row_steps(self, block: RowBlock) -> np.ndarray:
        """Return (rows,) the step at which each row stands when all channels end together."""
        at = self.grid.get_indexer(block.timestamps)
        return at if block.channel is None else at + self.lags[block.channel]


class _ChannelEnds:
    """The first and last stamp of each channel, as whole numbers of the stamps' unit."""

    def __init__(self):
        self.first_observed = self.last = np.empty(0, dtype=np.int64)

    def add(self, stamps: np.ndarray, block: RowBlock, channels: int) -> None:
        """Look at a block whose stamps are given as whole numbers."""
        more = channels - len(self.last)
        self.first_observed = np.pad(self.first_observed, (0, more), constant_values=NO_TIMESTAMP)
        self.last = np.pad(self.last, (0, more), constant_values=-NO_TIMESTAMP)
        seen = np.isfinite(block.values)
        if block.channel is None:
            first = np.where(seen, stamps[:, None], NO_TIMESTAMP).min(axis=0)
            self.first_observed = np.minimum(self.first_observed, first)
            self.last = np.maximum(self.last, stamps.max())
        else:
            np.minimum.at(self.first_observed, block.channel[seen], stamps[seen])
            np.maximum.at(self.last, block.channel, stamps)


def scan(blocks: RowBlocks, frequency: str | None) -> Scan:
    """Read a table once.

    Args:
        blocks: of the table.
        frequency: the step between rows; None: found.

    Raises:
        InputError: a cell can't be used, rows follow no rhythm, a time is repeated in a wide table,
            or a series is not there.
    """
    ends, moments = _ChannelEnds(), None
    stamps: list[pd.DatetimeIndex] = []
    for block in blocks:
        own = block.timestamps.as_unit((stamps or [block.timestamps])[0].unit)
        channels = len(blocks.names)
        stamps.append(own if block.channel is None else own.unique())
        ends.add(own.asi8, block, channels)
        part = (
            ChannelMoments.from_values(block.values)
            if block.channel is None
            else ChannelMoments.from_rows(block.values, block.channel, channels)
        )
        moments = part if moments is None else moments.pad(channels).merge(part)
    absent = [
        name for name, last in zip(blocks.names, ends.last, strict=False) if last == -NO_TIMESTAMP
    ]
    if moments is None or absent:
        raise InputError(
            f"{blocks.table.path} has no series {format_names(absent or list(blocks.names))} in column "
            f"{blocks.layout.id!r}. Check the name."
        )
    times = _sort_timestamps(blocks, stamps)

    def place(step: int) -> str:
        return f"{blocks.table.path}, {times[step]}"

    grid, found = regular_grid(times, frequency, place)
    at = grid.as_unit(stamps[0].unit).asi8
    last = np.searchsorted(at, ends.last)
    seen = ends.first_observed != NO_TIMESTAMP
    lags = len(grid) - 1 - last
    first = np.where(seen, np.searchsorted(at, ends.first_observed) + lags, len(grid))
    return Scan(blocks.names, grid, found, moments, first, last)


def _sort_timestamps(blocks: RowBlocks, stamps: list[pd.DatetimeIndex]) -> pd.DatetimeIndex:
    times = pd.DatetimeIndex(stamps[0].append(stamps[1:]))
    if blocks.layout.id is not None:
        return pd.DatetimeIndex(times.unique().sort_values())
    if not times.is_monotonic_increasing:
        times = pd.DatetimeIndex(times.sort_values())
    if not times.is_unique:
        twice = times[times.duplicated()][0]
        raise InputError(
            f"{blocks.table.path}: {twice} stands there a second time (duplicate time stamp). Keep "
            "one row for each time; if the table holds several series one below the other, name "
            "them with --id and --value."
        )
    return times
