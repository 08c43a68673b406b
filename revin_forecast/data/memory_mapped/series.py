"""Series whose standardized float32 values are in a memory-mapped file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from revin_forecast.data.memory_mapped.parquet_blocks import ParquetTable
from revin_forecast.data.memory_mapped.scan import RowBlock, RowBlocks, Scan, scan
from revin_forecast.data.reading.inspect_table import inspect_columns, select_channel_columns
from revin_forecast.data.reading.read_series import (
    complete_format,
    mark_inputs,
    resolve_requested_series,
)
from revin_forecast.data.reading.reading_options import LongGapPolicy
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series
from revin_forecast.data.table_format import UNKNOWN_FORMAT, TableFormat, load_format
from revin_forecast.errors import InputError
from revin_forecast.utils.progress import progress

DEFAULT_KEPT_ROWS = 512
"""Default number of last rows to keep unstandardized."""
CHUNK_VALUES = 2**22
"""Values of the file to process at once."""
UNWRITTEN_VALUE = np.inf
"""Marks values of the file that have no row yet; no standardized value is infinite."""


@dataclass(frozen=True, eq=False)
class MemoryMappedSeries:
    """Channels over time whose values are in a memory-mapped file; see `memory_map_table`.

    Series that end at different times are aligned: each one's own last row is in the last row.
    """

    values: Tensor
    """(time, channels) float32 view of the file, z-scored by all rows, NaN where unobserved."""
    standardizer: Standardizer
    timestamps: pd.DatetimeIndex
    last_rows: Series
    """The last rows, in the table's units."""
    first_observed: np.ndarray
    """(channels,) row of each channel's first observed value; the row count if it has none."""
    unobserved_count: int
    """The number of values that were not measured."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.values)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the channels."""
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
        """Pandas frequency string."""
        return self.last_rows.frequency

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on everything that reading changed or left out."""
        return self.last_rows.notes

    @property
    def last_timestamps(self) -> pd.DatetimeIndex | None:
        """(channels,) timestamp of each channel's last row; None: all end with the last row."""
        return self.last_rows.last_timestamps

    def slice_rows(self, start: int, stop: int) -> Series:
        """Return a slice of the last rows, in the table's units.

        Raises:
            InputError: the slice begins before the rows that were kept.
        """
        before = len(self) - len(self.last_rows)
        if start < before:
            needed = len(self) - start
            raise InputError(
                f"the last {needed} rows are needed in the table's units, but the memory map kept "
                f"{len(self.last_rows)}. Map the table with keep={needed}."
            )
        return self.last_rows.slice_rows(start - before, stop - before)


def memory_map_table(
    source: str | Path,
    folder: str | Path,
    *,
    keep: int = DEFAULT_KEPT_ROWS,
    time: str | Sequence[str] | None = None,
    id: str | Sequence[str] | None = None,
    value: str | None = None,
    target: Sequence[str] | None = None,
    inputs: Sequence[str] | None = None,
    frequency: str | None = None,
    time_form: str | None = None,
    long_gaps: LongGapPolicy = "refuse",
    format: TableFormat | str | Path | None = None,
    like: TableFormat | None = None,
) -> MemoryMappedSeries:
    """Memory-map a table that is larger than memory, so that a model can be fitted on it.

    A Parquet file is read twice in blocks of rows: first for the timestamps and the mean and
    standard deviation of each channel, then to write the standardized values to a file, 4 bytes
    each. The operating system reads pages of that file when a window needs them, and drops them
    when memory is short. Only one block of rows, the timestamps (about 50 bytes per step, during
    the reading) and the last rows are in memory. The values equal those of `read_series`, z-scored
    by `Standardizer`, up to rounding.

    Args:
        source: a .parquet file, wide or long, of numbers and timestamps, not text.
        folder: folder for the file `values.f32`, which the caller deletes after the fit.
        keep: number of last rows to keep in the table's units; at least the look-back.
        time: the time column, or several; None: find them.
        id: the series column of a long table, or several, see `read_series`.
        value: the value column of a long table.
        target: series to forecast; None: all.
        inputs: series that are used but not forecast.
        frequency: pandas frequency string of the rows; None: detect it.
        time_form: the form of the times, see `TableFormat.time_form`; None: detect it.
        long_gaps: treatment of a few rows far from all others, see `read_series`.
        format: how the table is written, see `read_series`; the first rows decide the rest for all.
        like: format of an earlier table of the same kind, see `read_series`.

    Raises:
        InputError: the table can't be read; the message has the position, the problem and the fix.
    """
    names = resolve_requested_series(None, target, inputs)
    table = ParquetTable.open(source)
    options = {"time": time, "id": id, "value": value, "frequency": frequency}
    options["time_form"] = time_form
    given = complete_format(load_format(format), like, options)
    if given.resample is not None:
        raise InputError(
            "--resample needs all rows, but a memory-mapped table is read a few rows at a time. "
            "Leave it out, or pass --memory-map never."
        )
    head = table.read_head(given)
    inspected = inspect_columns(head, given, like or UNKNOWN_FORMAT, names, is_part=True)
    if not inspected.is_long:
        names = select_channel_columns(head, inspected, names)
    blocks = RowBlocks(table, inspected, names)
    with progress(f"reading {source} for the first time"):
        first_pass = scan(blocks, inspected.frequency, long_gaps)
    path = Path(folder) / "values.f32"
    path.parent.mkdir(parents=True, exist_ok=True)
    standardizer = first_pass.moments.to_standardizer()
    with progress(f"reading {source}", table.rows, "rows") as advance:
        last_values = _write_standardized(path, blocks, first_pass, standardizer, keep, advance)
    last = _build_last_rows(last_values, first_pass, inspected)
    last = replace(last, notes=tuple(head.notes))
    if not first_pass.is_sorted:
        note = f"{source}: the rows of a series are not in time order; they were sorted by time."
        last = replace(last, notes=(*last.notes, note))
    shape = len(first_pass.grid), len(first_pass.names)
    size = shape[0] * shape[1]
    return MemoryMappedSeries(
        # Not shared: writing to the tensor does not change the file.
        torch.from_file(str(path), False, size, dtype=torch.float32).view(shape),
        standardizer,
        first_pass.grid,
        last if inputs is None else mark_inputs(last, inputs),
        first_pass.first_observed,
        size - int(first_pass.moments.count.sum()),
    )


def _write_standardized(
    path: Path,
    blocks: RowBlocks,
    first_pass: Scan,
    standardizer: Standardizer,
    keep: int,
    advance: Callable[..., None],
) -> np.ndarray:
    """Write standardized values to a file; return the last rows in the table's units."""
    shape = len(first_pass.grid), len(first_pass.names)
    # Filled with a marker first: rows come in any order, and absent ones must become NaN.
    mapped = np.memmap(path, np.float32, "w+", shape=shape)
    for part in _iter_chunks(mapped):
        part[:] = UNWRITTEN_VALUE
    last_values = np.full((min(keep, shape[0]), shape[1]), np.nan)
    before = shape[0] - len(last_values)
    for block in blocks:
        steps = first_pass.compute_row_steps(block)
        if block.channel is None:
            mapped[steps] = standardizer.transform(block.values)
            is_last = steps >= before
            last_values[steps[is_last] - before] = block.values[is_last]
        else:
            # The first pass checked the times of wide tables, but not pairs of series and time.
            _check_repeats(mapped, block, steps, blocks)
            channel = block.channel
            mean, scale = standardizer.mean[channel], standardizer.scale[channel]
            mapped[steps, channel] = (block.values - mean) / scale
            is_last = steps >= before
            last_values[steps[is_last] - before, channel[is_last]] = block.values[is_last]
        advance(len(block.timestamps))
    for part in _iter_chunks(mapped):
        part[part == UNWRITTEN_VALUE] = np.nan
    mapped.flush()
    return last_values


def _check_repeats(
    mapped: np.ndarray, block: RowBlock, steps: np.ndarray, blocks: RowBlocks
) -> None:
    """Reject a pair of series and time that is in the block twice or was written before."""
    channel = block.channel
    assert channel is not None  # only blocks of long tables are checked
    cells = pd.Series(steps * mapped.shape[1] + channel)
    repeated = np.flatnonzero(cells.duplicated() | (mapped[steps, channel] != UNWRITTEN_VALUE))
    if len(repeated):
        row = repeated[0]
        raise InputError(
            f"{blocks.table.path}: {block.timestamps[row]} of series "
            f"{blocks.names[channel[row]]!r} occurs a second time. Keep one row for each series "
            "and time."
        )


def _iter_chunks(mapped: np.ndarray) -> Iterator[np.ndarray]:
    # In chunks, so that only a part of the file has to be in memory.
    rows = max(1, CHUNK_VALUES // mapped.shape[1])
    for start in range(0, len(mapped), rows):
        yield mapped[start : start + rows]


def _build_last_rows(values: np.ndarray, first_pass: Scan, format: TableFormat) -> Series:
    return Series(
        values,
        first_pass.grid[-len(values) :],
        first_pass.names,
        first_pass.frequency,
        replace(format, frequency=first_pass.frequency),
        last_timestamps=first_pass.last_timestamps,
        has_aligned_ends=first_pass.last_timestamps is not None,
    )
