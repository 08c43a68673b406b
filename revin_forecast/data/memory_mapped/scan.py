"""First pass over a table's blocks: its time grid, its channels and their moments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from revin_forecast.data.formatting import format_columns, format_names
from revin_forecast.data.memory_mapped.parquet_blocks import ParquetTable
from revin_forecast.data.reading.columns.assign_channels import assign_channels
from revin_forecast.data.reading.reading_options import LongGapPolicy
from revin_forecast.data.reading.rows.frequency import find_regular_grid
from revin_forecast.data.reading.rows.long_gaps import check_end_gaps
from revin_forecast.data.reading.times.timestamps import parse_timestamps
from revin_forecast.data.reading.values.numbers import parse_numbers
from revin_forecast.data.scaling import ChannelMoments
from revin_forecast.data.table_format import TableFormat
from revin_forecast.errors import InputError

NO_TIMESTAMP = np.iinfo(np.int64).max
"""Later than any timestamp, so that a minimum replaces it; its negative is earlier than any."""


@dataclass(frozen=True, eq=False)
class RowBlock:
    """A block of a table's rows."""

    timestamps: pd.DatetimeIndex
    values: np.ndarray
    """(rows, channels) float64, NaN where unobserved; (rows,) for a long table."""
    channel: np.ndarray | None = None
    """(rows,) channel of each row of a long table; None: the table is wide."""


class RowBlocks:
    """The blocks of a table, as an iterable that can be read repeatedly.

    Args:
        table: wide or long.
        format: format of all blocks.
        names: channels to read; None: all series of a long table, found in the first pass.
    """

    def __init__(self, table: ParquetTable, format: TableFormat, names: Sequence[str] | None):
        self.table = table
        self.format = format
        self.can_add_names = names is None
        self._channel_indices = {name: number for number, name in enumerate(names or ())}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the channels; for a long table, of those read so far."""
        return tuple(self._channel_indices)

    def __iter__(self) -> Iterator[RowBlock]:
        """Yield the parsed blocks of the table."""
        format = self.format
        numbers = self.names if format.value is None else (format.value,)
        self.table.check_column_types([*format.time_columns, *numbers])
        columns = [*format.time_columns, *numbers, *format.id_columns]
        for table in self.table.iter_blocks(columns, format):
            values = parse_numbers(table, numbers, format.decimal)
            stamps = parse_timestamps(table, format)
            if format.id is None:
                yield RowBlock(stamps, values)
                continue
            # Blocks number their series independently; names map them to the table's channels.
            local, names = assign_channels(table, format.id_columns, None)
            channel = np.array([self._get_channel_index(name) for name in names])[local]
            is_requested = channel >= 0
            if is_requested.any():
                yield RowBlock(stamps[is_requested], values[is_requested, 0], channel[is_requested])

    def _get_channel_index(self, name: str) -> int:
        if self.can_add_names:
            return self._channel_indices.setdefault(name, len(self._channel_indices))
        return self._channel_indices.get(name, -1)


@dataclass(frozen=True, eq=False)
class Scan:
    """Result of the first pass over a table."""

    names: tuple[str, ...]
    grid: pd.DatetimeIndex
    """All steps from the first to the last row, including those without a row."""
    frequency: str
    moments: ChannelMoments
    first_observed: np.ndarray
    """(channels,) step of each channel's first observed value; the step count if it has none."""
    last_steps: np.ndarray
    """(channels,) step of each channel's last row."""
    is_sorted: bool = True
    """Whether the rows of each series are in time order."""

    @property
    def lags(self) -> np.ndarray:
        """(channels,) steps by which each channel ends before the last row."""
        return len(self.grid) - 1 - self.last_steps

    @property
    def last_timestamps(self) -> pd.DatetimeIndex | None:
        """(channels,) timestamp of each channel's last row; None: all end with the last row."""
        return self.grid[self.last_steps] if self.lags.any() else None

    def compute_row_steps(self, block: RowBlock) -> np.ndarray:
        """Return (rows,) the step of each row after the channels are aligned at their ends."""
        steps = self.grid.get_indexer(block.timestamps)
        return steps if block.channel is None else steps + self.lags[block.channel]


class _ChannelEnds:
    """First observed and last timestamp of each channel, as integers in the timestamps' unit."""

    def __init__(self):
        self.first_observed = self.last = np.empty(0, dtype=np.int64)

    def precede(self, stamps: np.ndarray, block: RowBlock, channels: int) -> bool:
        """Return whether each series continues in time order with a block."""
        self._pad(channels)
        if block.channel is None:
            return bool((np.diff(stamps) >= 0).all() and stamps[0] >= self.last.max())
        order = np.argsort(block.channel, kind="stable")
        is_same = np.diff(block.channel[order]) == 0
        is_late = (np.diff(stamps[order]) < 0) & is_same
        return bool(not is_late.any() and (stamps >= self.last[block.channel]).all())

    def _pad(self, channels: int) -> None:
        new = channels - len(self.last)
        self.first_observed = np.pad(self.first_observed, (0, new), constant_values=NO_TIMESTAMP)
        self.last = np.pad(self.last, (0, new), constant_values=-NO_TIMESTAMP)

    def add(self, stamps: np.ndarray, block: RowBlock, channels: int) -> None:
        """Update the ends with a block whose timestamps are given as integers."""
        self._pad(channels)
        observed = np.isfinite(block.values)
        if block.channel is None:
            first = np.where(observed, stamps[:, None], NO_TIMESTAMP).min(axis=0)
            self.first_observed = np.minimum(self.first_observed, first)
            self.last = np.maximum(self.last, stamps.max())
        else:
            np.minimum.at(self.first_observed, block.channel[observed], stamps[observed])
            np.maximum.at(self.last, block.channel, stamps)


def scan(blocks: RowBlocks, frequency: str | None, long_gaps: LongGapPolicy = "refuse") -> Scan:
    """Read a table once, for its grid, its channels and their moments.

    Args:
        blocks: blocks of the table.
        frequency: pandas frequency string of the rows; None: detect it.
        long_gaps: treatment of a few rows far from all others, see `read_series`.

    Raises:
        InputError: a cell can't be parsed, the rows follow no frequency, a wide table has a time
            twice, or a series does not exist.
    """
    ends, moments = _ChannelEnds(), None
    stamps: list[pd.DatetimeIndex] = []
    is_sorted = True
    for block in blocks:
        # Blocks may differ in the unit of their timestamps; the first one's is used for all.
        block_stamps = block.timestamps.as_unit((stamps or [block.timestamps])[0].unit)
        channels = len(blocks.names)
        # Series of a long table share most times, so a block's distinct ones save memory.
        stamps.append(block_stamps if block.channel is None else block_stamps.unique())
        is_sorted = is_sorted and ends.precede(block_stamps.asi8, block, channels)
        ends.add(block_stamps.asi8, block, channels)
        part = (
            ChannelMoments.from_values(block.values)
            if block.channel is None
            else ChannelMoments.from_rows(block.values, block.channel, channels)
        )
        # A block may add series, so earlier moments are padded to the channels known now.
        moments = part if moments is None else moments.pad(channels).merge(part)
    absent = [
        name for name, last in zip(blocks.names, ends.last, strict=False) if last == -NO_TIMESTAMP
    ]
    if moments is None or absent:
        raise InputError(
            f"{blocks.table.path} has no series {format_names(absent or list(blocks.names))} in "
            f"{format_columns(blocks.format.id_columns)}. Check the name."
        )
    times = _sort_timestamps(blocks, stamps)

    def describe_step(step: int) -> str:
        return f"{blocks.table.path}, {times[step]}"

    if long_gaps == "refuse":
        check_end_gaps(times, describe_step)
    grid, detected = find_regular_grid(times, frequency, describe_step)
    grid_integers = grid.as_unit(stamps[0].unit).asi8
    last = np.searchsorted(grid_integers, ends.last)
    has_values = ends.first_observed != NO_TIMESTAMP
    # Channels are aligned at their ends, so first steps shift by the lag as well.
    lags = len(grid) - 1 - last
    first = np.searchsorted(grid_integers, ends.first_observed) + lags
    first = np.where(has_values, first, len(grid))
    return Scan(blocks.names, grid, detected, moments, first, last, is_sorted)


def _sort_timestamps(blocks: RowBlocks, stamps: list[pd.DatetimeIndex]) -> pd.DatetimeIndex:
    times = pd.DatetimeIndex(stamps[0].append(stamps[1:]))
    if blocks.format.id is not None:
        return pd.DatetimeIndex(times.unique().sort_values())
    # Most tables are sorted, and a check costs less than sorting a copy.
    if not times.is_monotonic_increasing:
        times = pd.DatetimeIndex(times.sort_values())
    if not times.is_unique:
        repeated = times[times.duplicated()][0]
        raise InputError(
            f"{blocks.table.path}: {repeated} occurs a second time (duplicate timestamp). Keep "
            "one row for each time; if the table holds several series one below the other, name "
            "them with --id and --value."
        )
    return times
