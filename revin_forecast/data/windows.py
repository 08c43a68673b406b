"""Windows of a series, as views of its values, and their batches."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from revin_forecast.errors import InputError
from revin_forecast.utils.shapes import Future, Known, Past


class WindowBatch(NamedTuple):
    """A batch of windows, split into look-back and horizon; NaN is unobserved."""

    past: Past
    """(batch, lookback, channels)."""
    future: Future
    """(batch, horizon, channels)."""
    known: Known | None = None
    """(batch, lookback + horizon, covariates) known inputs; None: there are none."""


class Windows(Dataset[WindowBatch]):
    """All stride-1 windows of a series, as a view of its values.

    Args:
        values: (time, channels), NaN where unobserved.
        lookback: number of past steps.
        horizon: number of steps to forecast.
        known: (time, covariates) known inputs of the same steps; None: there are none.
        filled: (time, channels) True where a gap was interpolated. Windows then hold only values
            that were known at their origins, and measured targets. None: nowhere.

    Raises:
        InputError: there are too few rows for one window, or `known` has another number of rows.

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

    def __init__(
        self,
        values: Tensor,
        lookback: int,
        horizon: int,
        known: Tensor | None = None,
        filled: Tensor | None = None,
    ):
        width = lookback + horizon
        if len(values) < width:
            raise InputError(
                f"{len(values)} rows hold no window of look-back {lookback} and horizon {horizon}, "
                f"which takes {width}. Choose a shorter look-back or horizon, or pass more rows."
            )
        if known is not None and len(known) != len(values):
            raise InputError(
                f"there are {len(values)} rows of values but {len(known)} rows of known inputs; "
                "pass one row of each for every step."
            )
        # The views below need row-major values; a contiguous tensor is not copied.
        self.values = values.contiguous()
        self.known = known
        self.lookback = lookback
        self.horizon = horizon
        self._view = _view_windows(self.values, width)
        self._known_view = None if known is None else _view_windows(known.contiguous(), width)
        self.filled = filled
        self._filled_view = None if filled is None else _view_windows(filled.contiguous(), width)

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self._view)

    @property
    def window_bytes(self) -> int:
        """Bytes of a copy of one window, look-back and horizon."""
        return (self.lookback + self.horizon) * self.values.shape[1] * self.values.element_size()

    def __getitem__(self, index: slice | Sequence[int] | Tensor) -> WindowBatch:
        """Return a batch of windows: a view for a slice, a copy for window numbers.

        If gaps were interpolated, both are copies.
        """
        if not isinstance(index, slice):
            # Gathering needs the index on the device of the values.
            index = torch.as_tensor(index, device=self.values.device)
        selected = _select_windows(self._view, index)
        known = None if self._known_view is None else _select_windows(self._known_view, index)
        past, future = selected[:, : self.lookback], selected[:, self.lookback :]
        if self._filled_view is not None:
            past, future = hide_lookahead_fill(
                past, future, _select_windows(self._filled_view, index)
            )
        return WindowBatch(past, future, known)

    def to(self, device: torch.device | str) -> "Windows":
        """Return the same windows with their values on a device, which then gathers the batches."""
        known, filled = (
            None if part is None else part.to(device) for part in (self.known, self.filled)
        )
        return Windows(self.values.to(device), self.lookback, self.horizon, known, filled)

    def iter_batches(self, size: int) -> Iterator[WindowBatch]:
        """Yield all windows in order; the last batch may be smaller."""
        for start in range(0, len(self), size):
            yield self[start : start + size]


def _view_windows(rows: Tensor, width: int) -> Tensor:
    """Return a (windows, width, columns) view, row-major, so that a window is contiguous."""
    # `unfold` would put the window's steps last, so that gathering had to transpose.
    count, columns = rows.shape
    return rows.as_strided((count - width + 1, width, columns), (columns, columns, 1))


def _select_windows(view: Tensor, index: slice | Tensor) -> Tensor:
    return view[index] if isinstance(index, slice) else view.index_select(0, index)


class ShuffledBatches(Sampler[Tensor]):
    """Batches of window numbers, shuffled in each epoch by (seed, epoch) alone.

    A resumed run therefore sees the same batches as an uninterrupted one. The last batch may be
    smaller and is used.

    Args:
        count: number of windows.
        batch_size: windows per batch.
        seed: random seed for the order.
    """

    def __init__(self, count: int, batch_size: int, seed: int = 0):
        self.count = count
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which determines the order; Lightning calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-self.count // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the epoch's batches of window numbers."""
        # Distinct for every seed and epoch, up to a million epochs.
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        yield from torch.randperm(self.count, generator=generator).split(self.batch_size)


def hide_lookahead_fill(past: Past, future: Future, filled: Tensor) -> tuple[Past, Future]:
    """Replace values of windows that were interpolated from later values by NaN.

    In the future these are all filled values: none was measured, so none is scored. In the past
    they are those after the last measured one, whose line ends in the future. Earlier lines end
    within the past, so they were known at the origin.

    Args:
        past: (windows, lookback, channels).
        future: (windows, horizon, channels).
        filled: (windows, lookback + horizon, channels) True where interpolated.

    >>> past, future = torch.arange(4.0).reshape(1, 4, 1), torch.arange(4.0, 6).reshape(1, 2, 1)
    >>> filled = torch.tensor([0, 1, 0, 1, 1, 0], dtype=torch.bool).reshape(1, 6, 1)
    >>> [part.flatten().tolist() for part in hide_lookahead_fill(past, future, filled)]
    [[0.0, 1.0, 2.0, nan], [nan, 5.0]]
    """
    lookback = past.shape[1]
    before, after = filled[:, :lookback], filled[:, lookback:]
    # A running product from the end is 1 as long as all later values were filled.
    trailing = before.flip(1).long().cumprod(1).flip(1).bool()
    return past.masked_fill(trailing, torch.nan), future.masked_fill(after, torch.nan)
