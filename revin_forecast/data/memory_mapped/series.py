"""Series in a file of standardized float32 values that is mapped into memory, not read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from revin_forecast.data.memory_mapped.parquet_blocks import ParquetTable
from revin_forecast.data.memory_mapped.scan import RowBlock, RowBlocks, Scan, scan
from revin_forecast.data.reading.read_series import (
    LONG_FORMAT,
    channel_columns,
    detect_layout,
    mark_inputs,
    requested_series,
)
from revin_forecast.data.reading.timestamps import TIME_NAMES
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series, TableLayout
from revin_forecast.errors import InputError
from revin_forecast.utils.progress import progress

DEFAULT_KEPT_ROWS = 512
"""Last rows that are kept as they stand in the table, if not told otherwise."""
CHUNK_VALUES = 2**22
"""Values of the file that are looked at at once."""
UNWRITTEN_VALUE = np.inf
"""No standardized value is infinite."""


@dataclass(frozen=True, eq=False)
class MemoryMappedSeries:
    """Channels over time whose values lie in a file; see `map_table`.

    Where series end at different times, each one's own last row stands in the last row.
    """

    values: Tensor
    """(time, channels) float32, z-scored by all rows, NaN where unobserved; pages of the file."""
    standardizer: Standardizer
    timestamps: pd.DatetimeIndex
    last_rows: Series
    """The last rows as they stand in the table."""
    first_observed: np.ndarray
    """(channels,) the row of each channel's first observed value; one too many: it has none."""
    unobserved_count: int
    """The number of values that were not measured."""

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.values)

    @property
    def names(self) -> tuple[str, ...]:
        """The channels."""
        return self.last_rows.names

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of channels that are used but not forecast."""
        return self.last_rows.inputs

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the channels that are forecast."""
        return self.last_rows.targets

    @property
    def frequency(self) -> str | None:
        """As pandas writes it."""
        return self.last_rows.frequency

    @property
    def last_timestamps(self) -> pd.DatetimeIndex | None:
        """(channels,) stamp of each channel's own last row; None: all end with the last row."""
        return self.last_rows.last_timestamps

    def slice_rows(self, start: int, stop: int) -> Series:
        """Return some of the last rows as they stand in the table.

        Raises:
            InputError: not so many were kept.
        """
        before = len(self) - len(self.last_rows)
        if start < before:
            wanted = len(self) - start
            raise InputError(
                f"the last {wanted} rows are needed as they stand in the table, but the memory map "
                f"kept {len(self.last_rows)}. Map the table with keep={wanted}."
            )
        return self.last_rows.slice_rows(start - before, stop - before)


def memory_map_table(
    source: str | Path,
    folder: str | Path,
    *,
    keep: int = DEFAULT_KEPT_ROWS,
    time: str | None = None,
    id: str | None = None,
    value: str | None = None,
    target: Sequence[str] | None = None,
    inputs: Sequence[str] | None = None,
    frequency: str | None = None,
) -> MemoryMappedSeries:
    """Make a table that is larger than memory ready to be fitted on.

    A Parquet file is read twice, some rows at a time: for the stamps and each channel's mean and
    deviation, then to write the standardized values to a file, 4 bytes each. That file is mapped:
    the system reads its pages when a window needs them, and lets go of them when memory is short.
    What stays in memory is one block of rows, the stamps (some 50 bytes a step, for a while) and
    the last rows. The values are those of `read_series`, z-scored by `Standardizer`, to rounding.

    Args:
        source: a .parquet file, wide or long; of numbers and time stamps, not text.
        folder: gets `values.f32`, which is yours to delete when the fit is done.
        keep: last rows to keep; the look-back at least.
        time: the time column; None: found.
        id: the series column of a long table.
        value: the value column of a long table.
        target: the series to forecast; None: all.
        inputs: series that are used but not forecast.
        frequency: the step between rows, as pandas writes it; None: found.

    Raises:
        InputError: the table can't be used; the message says where, what was wanted, what to do.
    """
    names = requested_series(None, target, inputs)
    table = ParquetTable.open(source)
    indices = [name for name in (time, id, LONG_FORMAT.id, *TIME_NAMES) if name is not None]
    head = table.read_head(indices)
    layout = detect_layout(head, time, id, value)
    if layout.id is None:
        names = channel_columns(head, layout, names)
    blocks = RowBlocks(table, layout, names, indices)
    with progress(f"reading {source} for the first time"):
        found = scan(blocks, frequency)
    path = Path(folder) / "values.f32"
    path.parent.mkdir(parents=True, exist_ok=True)
    standardizer = found.moments.to_standardizer()
    with progress(f"reading {source}", table.rows, "rows") as advance:
        kept = _write_standardized(path, blocks, found, standardizer, keep, advance)
    last = _last_rows(kept, found, layout)
    shape = len(found.grid), len(found.names)
    size = shape[0] * shape[1]
    return MemoryMappedSeries(
        torch.from_file(str(path), False, size, dtype=torch.float32).view(shape),
        standardizer,
        found.grid,
        last if inputs is None else mark_inputs(last, inputs),
        found.first_observed,
        size - int(found.moments.count.sum()),
    )


def _write_standardized(
    path: Path,
    blocks: RowBlocks,
    found: Scan,
    standardizer: Standardizer,
    keep: int,
    advance: Callable[..., None],
) -> np.ndarray:
    """Write standardized values to a file; return the last rows as they stand in the table."""
    shape = len(found.grid), len(found.names)
    mapped = np.memmap(path, np.float32, "w+", shape=shape)
    for part in _iter_chunks(mapped):
        part[:] = UNWRITTEN_VALUE
    kept = np.full((min(keep, shape[0]), shape[1]), np.nan)
    before = shape[0] - len(kept)
    for block in blocks:
        steps = found.row_steps(block)
        if block.channel is None:
            mapped[steps] = standardizer.transform(block.values)
            end = steps >= before
            kept[steps[end] - before] = block.values[end]
        else:
            _check_repeats(mapped, block, steps, blocks)
            channel = block.channel
            mean, scale = standardizer.mean[channel], standardizer.scale[channel]
            mapped[steps, channel] = (block.values - mean) / scale
            end = steps >= before
            kept[steps[end] - before, channel[end]] = block.values[end]
        advance(len(block.timestamps))
    for part in _iter_chunks(mapped):
        part[part == UNWRITTEN_VALUE] = np.nan
    mapped.flush()
    return kept


def _check_repeats(
    mapped: np.ndarray, block: RowBlock, steps: np.ndarray, blocks: RowBlocks
) -> None:
    channel = block.channel
    assert channel is not None  # in a long table
    cells = pd.Series(steps * mapped.shape[1] + channel)
    repeated = np.flatnonzero(cells.duplicated() | (mapped[steps, channel] != UNWRITTEN_VALUE))
    if len(repeated):
        row = repeated[0]
        raise InputError(
            f"{blocks.table.path}: {block.timestamps[row]} of series {blocks.names[channel[row]]!r} "
            "stands there a second time. Keep one row for each series and time."
        )


def _iter_chunks(mapped: np.ndarray) -> Iterator[np.ndarray]:
    rows = max(1, CHUNK_VALUES // mapped.shape[1])
    for start in range(0, len(mapped), rows):
        yield mapped[start : start + rows]


def _last_rows(kept: np.ndarray, found: Scan, layout: TableLayout) -> Series:
    stamps = found.grid[-len(kept) :]
    moved = found.last_timestamps is not None
    return Series(
        kept,
        stamps,
        found.names,
        found.frequency,
        layout,
        last_timestamps=found.last_timestamps,
        has_aligned_ends=moved,
    )
