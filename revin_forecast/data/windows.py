from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from revin_forecast.errors import InputError


class WindowBatch(NamedTuple):
    """Windows cut into look-back and horizon; NaN is unobserved."""

    past: Tensor
    """(batch, lookback, channels)."""
    future: Tensor
    """(batch, horizon, channels)."""


class Windows(Dataset[WindowBatch]):
    """All stride-1 windows of a series, as a view: no window is stored.

    Args:
        values: (time, channels), NaN where unobserved.
        lookback: steps seen.
        horizon: steps forecast.

    Raises:
        InputError: too few rows for one window.

    >>> windows = Windows(torch.arange(20.0).reshape(10, 2), lookback=3, horizon=2)
    >>> len(windows)
    6
    >>> windows[torch.tensor([0, 5])].future
    tensor([[[ 6.,  7.],
             [ 8.,  9.]],
    <BLANKLINE>
            [[16., 17.],
             [18., 19.]]])
    """

    def __init__(self, values: Tensor, lookback: int, horizon: int):
        width = lookback + horizon
        if len(values) < width:
            raise InputError(
                f"{len(values)} rows hold no window of look-back {lookback} and horizon {horizon}, "
                f"which takes {width}. Choose a shorter look-back or horizon, or pass more rows."
            )
        self.values = values.contiguous()
        self.lookback = lookback
        self.horizon = horizon
        rows, channels = values.shape
        # Row-major windows over the same memory: a gathered window is one contiguous copy.
        shape, strides = (rows - width + 1, width, channels), (channels, channels, 1)
        self._view = self.values.as_strided(shape, strides)

    def __len__(self) -> int:
        """Count the windows."""
        return len(self._view)

    def __getitem__(self, index: slice | Sequence[int] | Tensor) -> WindowBatch:
        """Return windows: a slice is a view, chosen numbers are gathered in one operation."""
        if isinstance(index, slice):
            chosen = self._view[index]
        else:
            chosen = self._view.index_select(0, torch.as_tensor(index))
        return WindowBatch(chosen[:, : self.lookback], chosen[:, self.lookback :])

    def batches(self, size: int) -> Iterator[WindowBatch]:
        """Yield every window in order, the last batch as short as it comes."""
        for start in range(0, len(self), size):
            yield self[start : start + size]


class EpochBatches(Sampler[Tensor]):
    """Window numbers in batches, shuffled anew each epoch from (seed, epoch) alone.

    An interrupted run therefore sees the same batches as an undisturbed one. The last, short
    batch is kept.

    Args:
        count: windows.
        batch_size: windows in a batch.
        seed: of the order.
    """

    def __init__(self, count: int, batch_size: int, seed: int = 0):
        self.count = count
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch's order; Lightning calls it before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Count the batches."""
        return -(-self.count // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the epoch's batches of window numbers."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        yield from torch.randperm(self.count, generator=generator).split(self.batch_size)
