from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from revin_forecast.data.reading.gaps import hide_lookahead_fill
from revin_forecast.errors import InputError


class WindowBatch(NamedTuple):
    """Windows cut into look-back and horizon; NaN is unobserved."""

    past: Tensor
    """(batch, lookback, channels)."""
    future: Tensor
    """(batch, horizon, channels)."""
    known: Tensor | None = None
    """(batch, lookback + horizon, covariates): what is known of each step beforehand, if any is."""


class Windows(Dataset[WindowBatch]):
    """All stride-1 windows of a series, as a view: no window is stored.

    Args:
        values: (time, channels), NaN where unobserved.
        lookback: steps seen.
        horizon: steps forecast.
        known: (time, covariates) of the same steps; None: nothing is known beforehand.
        filled: (time, channels) True where a gap was interpolated; windows then hold what could be
            known at their origins, and targets that were measured. None: nowhere.

    Raises:
        InputError: too few rows for one window, or known inputs of another number of rows.

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
                f"there are {len(values)} rows of values but {len(known)} of known inputs; "
                "pass one of each for every step."
            )
        self.values = values.contiguous()
        self.known = known
        self.lookback = lookback
        self.horizon = horizon
        self._view = _window_view(self.values, width)
        self._known_view = None if known is None else _window_view(known.contiguous(), width)
        self.filled = filled
        self._filled_view = None if filled is None else _window_view(filled.contiguous(), width)

    def __len__(self) -> int:
        """Count the windows."""
        return len(self._view)

    @property
    def window_bytes(self) -> int:
        """Bytes of one window, look-back and horizon, when it is gathered."""
        return (self.lookback + self.horizon) * self.values.shape[1] * self.values.element_size()

    def __getitem__(self, index: slice | Sequence[int] | Tensor) -> WindowBatch:
        """Return windows: a slice is a view, chosen numbers are gathered in one operation.

        Both are copies where gaps were interpolated.
        """
        if not isinstance(index, slice):
            index = torch.as_tensor(index, device=self.values.device)
        chosen = _select_windows(self._view, index)
        known = None if self._known_view is None else _select_windows(self._known_view, index)
        past, future = chosen[:, : self.lookback], chosen[:, self.lookback :]
        if self._filled_view is not None:
            past, future = hide_lookahead_fill(
                past, future, _select_windows(self._filled_view, index)
            )
        return WindowBatch(past, future, known)

    def to(self, device: torch.device | str) -> "Windows":
        """Return the same windows of values that lie on a device, where they are then gathered."""
        known, filled = (
            None if part is None else part.to(device) for part in (self.known, self.filled)
        )
        return Windows(self.values.to(device), self.lookback, self.horizon, known, filled)

    def iter_batches(self, size: int) -> Iterator[WindowBatch]:
        """Yield every window in order, the last batch as short as it comes."""
        for start in range(0, len(self), size):
            yield self[start : start + size]


def _window_view(rows: Tensor, width: int) -> Tensor:
    """Return (windows, width, columns), row-major: a gathered window is one contiguous copy."""
    count, columns = rows.shape
    return rows.as_strided((count - width + 1, width, columns), (columns, columns, 1))


def _select_windows(view: Tensor, index: slice | Tensor) -> Tensor:
    return view[index] if isinstance(index, slice) else view.index_select(0, index)


class ShuffledBatches(Sampler[Tensor]):
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
