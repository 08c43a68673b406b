"""One pass over a table's blocks: its grid of steps, its channels, their mean and deviation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from revin_forecast.data.blocks import BlockTable
from revin_forecast.data.frequency import full_grid
from revin_forecast.data.layout import Layout, listed
from revin_forecast.data.numbers import parse_numbers
from revin_forecast.data.rows import series_of_rows
from revin_forecast.data.scaling import Moments
from revin_forecast.data.times import parse_times
from revin_forecast.errors import InputError

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Block:
    """Some rows of a table."""

    stamps: pd.DatetimeIndex
    values: np.ndarray
    """(rows, channels) float64, NaN where unobserved; of a long table (rows,)."""
    channel: np.ndarray | None = None
    """(rows,) the channel of each row of a long table."""


class Blocks:
    """Iterates over the blocks of a table, as often as it is asked to.

    Args:
        table: wide or long.
        layout: names its columns.
        names: the channels; None: all series of a long table, which the first pass finds.
        indices: names under which a numeric index of the frame counts as a column.
    """

    def __init__(
        self,
        table: BlockTable,
        layout: Layout,
        names: Sequence[str] | None,
        indices: Sequence[str],
    ):
        self.table = table
        self.layout = layout
        self.indices = indices
        self.open = names is None
        self._numbers = {name: number for number, name in enumerate(names or ())}

    @property
    def names(self) -> tuple[str, ...]:
        """The channels; of a long table, those seen so far."""
        return tuple(self._numbers)

    def __iter__(self) -> Iterator[Block]:
        """Read the table."""
        layout = self.layout
        numbers = self.names if layout.value is None else (layout.value,)
        self.table.check_numbers([layout.time, *numbers])
        columns = [layout.time, *numbers, *filter(None, [layout.id])]
        for table in self.table.blocks(columns, self.indices):
            values = parse_numbers(table, numbers)
            stamps = parse_times(table, layout.time)
            if layout.id is None:
                yield Block(stamps, values)
                continue
            local, names = series_of_rows(table, layout.id, None)
            channel = np.array([self._number(name) for name in names])[local]
            kept = channel >= 0
            if kept.any():
                yield Block(stamps[kept], values[kept, 0], channel[kept])

    def _number(self, name: str) -> int:
        if self.open:
            return self._numbers.setdefault(name, len(self._numbers))
        return self._numbers.get(name, -1)


@dataclass(frozen=True, eq=False)
class Scan:
    """What one pass over a table came to."""

    names: tuple[str, ...]
    grid: pd.DatetimeIndex
    """Every step from the first to the last row, those without a row too."""
    frequency: str
    moments: Moments
    first_observed: np.ndarray
    """(channels,) step of each channel's first observed value; one too many: it has none."""
    last: np.ndarray
    """(channels,) step of each channel's last row."""

    @property
    def lags(self) -> np.ndarray:
        """(channels,) steps by which each channel ends before the last row."""
        return len(self.grid) - 1 - self.last

    @property
    def lasts(self) -> pd.DatetimeIndex | None:
        """(channels,) stamp of each channel's own last row; None: all end with the last row."""
        return self.grid[self.last] if self.lags.any() else None

    def steps(self, block: Block) -> np.ndarray:
        """Return (rows,) the step at which each row stands when all channels end together."""
        at = self.grid.get_indexer(block.stamps)
        return at if block.channel is None else at + self.lags[block.channel]


class _Ends:
    """The first and last stamp of each channel, as whole numbers of the stamps' unit."""

    def __init__(self):
        self.first_observed = self.last = np.empty(0, dtype=np.int64)

    def add(self, stamps: np.ndarray, block: Block, channels: int) -> None:
        """Look at a block whose stamps are given as whole numbers."""
        more = channels - len(self.last)
        self.first_observed = np.pad(self.first_observed, (0, more), constant_values=NEVER)
        self.last = np.pad(self.last, (0, more), constant_values=-NEVER)
        seen = np.isfinite(block.values)
        if block.channel is None:
            first = np.where(seen, stamps[:, None], NEVER).min(axis=0)
            self.first_observed = np.minimum(self.first_observed, first)
            self.last = np.maximum(self.last, stamps.max())
        else:
            np.minimum.at(self.first_observed, block.channel[seen], stamps[seen])
            np.maximum.at(self.last, block.channel, stamps)


def scan(blocks: Blocks, frequency: str | None) -> Scan:
    """Read a table once.

    Args:
        blocks: of the table.
        frequency: the step between rows; None: found.

    Raises:
        InputError: a cell can't be used, rows follow no rhythm, a time is repeated in a wide table,
            or a series is not there.
    """
    ends, moments = _Ends(), None
    stamps: list[pd.DatetimeIndex] = []
    for block in blocks:
        own = block.stamps.as_unit((stamps or [block.stamps])[0].unit)
        channels = len(blocks.names)
        stamps.append(own if block.channel is None else own.unique())
        ends.add(own.asi8, block, channels)
        part = (
            Moments.of(block.values)
            if block.channel is None
            else Moments.of_rows(block.values, block.channel, channels)
        )
        moments = part if moments is None else moments.padded(channels).merged(part)
    absent = [name for name, last in zip(blocks.names, ends.last, strict=False) if last == -NEVER]
    if moments is None or absent:
        raise InputError(
            f"{blocks.table.path} has no series {listed(absent or list(blocks.names))} in column "
            f"{blocks.layout.id!r}. Check the name."
        )
    times = _in_order(blocks, stamps)

    def place(step: int) -> str:
        return f"{blocks.table.path}, {times[step]}"

    grid, found = full_grid(times, frequency, place)
    at = grid.as_unit(stamps[0].unit).asi8
    last = np.searchsorted(at, ends.last)
    seen = ends.first_observed != NEVER
    lags = len(grid) - 1 - last
    first = np.where(seen, np.searchsorted(at, ends.first_observed) + lags, len(grid))
    return Scan(blocks.names, grid, found, moments, first, last)


def _in_order(blocks: Blocks, stamps: list[pd.DatetimeIndex]) -> pd.DatetimeIndex:
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
