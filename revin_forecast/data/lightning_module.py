from typing import NamedTuple

import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from revin_forecast.data.windows import ShuffledBatches, WindowBatch, Windows

SCORING_BATCH_SIZE = 256
CHUNK_BYTES = 4 * 2**20
"""Of training windows gathered at once: as many batches as stay in the caches, one at least."""
MAX_RESIDENT_SHARE = 0.25
"""Share of an accelerator's free memory that a part's values may take to lie there."""


class BatchShare(NamedTuple):
    """One process's part of a batch that several processes work on together."""

    part: WindowBatch
    """Never empty: where there is no window left, one whose horizon is unobserved."""
    batch_windows: int
    """In the whole batch."""
    weight: float
    """By which a mean over this part counts in the mean of all processes, so that this mean is
    the one over the batch's windows."""


Batch = WindowBatch | BatchShare


class ForecastDataModule(LightningDataModule):
    """Training and validation windows for a Lightning trainer.

    Where several processes train, each gets its `Share` of every batch; the batches are those of
    one process.

    Args:
        training: standardized float32, NaN where unobserved.
        validation: the same, its first `lookback` rows the last of training.
        batch_size: windows in a training batch.
        seed: of the shuffled order.
    """

    def __init__(self, training: Windows, validation: Windows, batch_size: int = 32, seed: int = 0):
        super().__init__()
        self.training = training
        self.validation = validation
        self.batch_size = batch_size
        self.seed = seed

    def train_dataloader(self) -> DataLoader[list[WindowBatch]] | DataLoader[list[BatchShare]]:
        """Return shuffled batches, several at a time; those are gathered in one operation."""
        batches = max(1, CHUNK_BYTES // (self.batch_size * self.training.window_bytes))
        order = ShuffledBatches(len(self.training), batches * self.batch_size, self.seed)
        rank, processes = self._rank_and_world_size()
        stretches = _BatchChunks(self._move_windows(self.training), self.batch_size)
        if processes == 1:
            return DataLoader(stretches, sampler=order, batch_size=None)
        shared = _ShardedChunks(stretches, rank, processes)
        return DataLoader(shared, sampler=order, batch_size=None)

    def transfer_batch_to_device(
        self, batch: Batch | list[Batch], device: torch.device, dataloader_idx: int
    ) -> Batch | list[Batch]:
        """Move the tensors that lie elsewhere: Lightning's own walk takes time even for none."""
        if isinstance(batch, list):
            return [_move_to_device(one, device) for one in batch]
        return _move_to_device(batch, device)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return every validation window in order."""
        starts = range(0, len(self.validation), SCORING_BATCH_SIZE)
        order = [slice(start, start + SCORING_BATCH_SIZE) for start in starts]
        rank, processes = self._rank_and_world_size()
        windows = self._move_windows(self.validation)
        return DataLoader(
            _ShardedWindows(windows, rank, processes) if processes > 1 else windows,
            sampler=order,
            batch_size=None,
        )

    def _move_windows(self, windows: Windows) -> Windows:
        """Move the values, once, to an accelerator that has room: windows are gathered there.

        They overlap, so the values are look-back times smaller than what would be moved in batches.
        """
        device = torch.device("cpu") if self.trainer is None else self.trainer.strategy.root_device
        if device.type == "cpu" or windows.values.device == device:
            return windows
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if windows.values.nbytes > MAX_RESIDENT_SHARE * free:
                return windows
        return windows.to(device)

    def _rank_and_world_size(self) -> tuple[int, int]:
        """Return this process's number and how many there are."""
        trainer = self.trainer
        return (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)


class _BatchChunks(Dataset[list[WindowBatch]]):
    """Chosen windows, gathered together and cut into batches."""

    def __init__(self, windows: Windows, batch_size: int):
        self.windows = windows
        self.batch_size = batch_size

    def __getitem__(self, index: Tensor) -> list[WindowBatch]:
        return self.gather_batches(index, self.batch_size)

    def gather_batches(self, index: Tensor, size: int | list[int]) -> list[WindowBatch]:
        """Gather the windows of an index and cut them into batches of a size, or of sizes."""
        past, future, known = self.windows[index]
        parts = past.split(size), future.split(size)
        if known is None:
            return [WindowBatch(*pair) for pair in zip(*parts, strict=True)]
        return [WindowBatch(*three) for three in zip(*parts, known.split(size), strict=True)]


class _ShardedChunks(Dataset[list[BatchShare]]):
    """This process's shares of batches, and no other window, gathered together."""

    def __init__(self, chunks: _BatchChunks, rank: int, world_size: int):
        self.chunks = chunks
        self.rank = rank
        self.world_size = world_size

    def __getitem__(self, index: Tensor) -> list[BatchShare]:
        batches = index.split(self.chunks.batch_size)
        place = self.rank, self.world_size
        own = [batch[_window_slice(len(batch), *place)] for batch in batches]
        parts = self.chunks.gather_batches(torch.cat(own), [len(numbers) for numbers in own])
        return [
            _build_share(part, len(batch), *place)
            for part, batch in zip(parts, batches, strict=True)
        ]


class _ShardedWindows(Dataset[BatchShare]):
    """This process's shares of slices of windows."""

    def __init__(self, windows: Windows, rank: int, world_size: int):
        self.windows = windows
        self.rank = rank
        self.world_size = world_size

    def __getitem__(self, index: slice) -> BatchShare:
        start, stop, _ = index.indices(len(self.windows))
        own = _window_slice(stop - start, self.rank, self.world_size)
        part = self.windows[start + own.start : start + own.stop]
        return _build_share(part, stop - start, self.rank, self.world_size)


def _window_slice(windows: int, rank: int, processes: int) -> slice:
    """Return which windows of a batch a process works on: one at least."""
    first, last = windows * rank // processes, windows * (rank + 1) // processes
    return slice(first, last) if last > first else slice(0, 1)


def _build_share(part: WindowBatch, windows: int, rank: int, processes: int) -> BatchShare:
    own = windows * (rank + 1) // processes - windows * rank // processes
    if own == 0:  # a loss over nothing observed is 0 and has no gradient
        part = part._replace(future=torch.full_like(part.future, torch.nan))
    return BatchShare(part, windows, processes * own / windows)


def _move_to_device(batch: Batch, device: torch.device) -> Batch:
    if isinstance(batch, BatchShare):
        return batch._replace(part=_move_to_device(batch.part, device))
    moved = [None if part is None else part.to(device, non_blocking=True) for part in batch]
    return WindowBatch(*moved)  # pyright: ignore[reportArgumentType]
