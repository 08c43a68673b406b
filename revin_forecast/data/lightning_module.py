"""Training and validation batches for a Lightning trainer, in one or several processes."""

from typing import NamedTuple

import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from revin_forecast.data.windows import ShuffledBatches, WindowBatch, Windows

SCORING_BATCH_SIZE = 256
CHUNK_BYTES = 4 * 2**20
"""Size of the training windows gathered at once: several batches that fit into the CPU caches."""
MAX_RESIDENT_SHARE = 0.25
"""Largest share of a GPU's free memory for the values of a part."""


class BatchShare(NamedTuple):
    """One process's share of a batch that several processes train on."""

    part: WindowBatch
    """Windows of this process; one with an unobserved horizon if the batch has none for it."""
    batch_windows: int
    """Number of windows in the whole batch."""
    weight: float
    """Weight of this part's mean loss: the mean over all processes is then that over the batch."""


Batch = WindowBatch | BatchShare


class ForecastDataModule(LightningDataModule):
    """Training and validation windows for a Lightning trainer.

    If several processes train, each gets a `BatchShare` of every batch. The batches are the same
    for any number of processes.

    Args:
        training: windows of standardized float32 values, NaN where unobserved.
        validation: windows whose first `lookback` rows are the last training rows.
        batch_size: windows per training batch.
        seed: random seed for the order of the windows.
    """

    def __init__(self, training: Windows, validation: Windows, batch_size: int = 32, seed: int = 0):
        super().__init__()
        self.training = training
        self.validation = validation
        self.batch_size = batch_size
        self.seed = seed

    def train_dataloader(self) -> DataLoader[list[WindowBatch]] | DataLoader[list[BatchShare]]:
        """Return a loader of lists of shuffled batches; a list is gathered in one operation."""
        # Whole batches per chunk, so that the order is the same for any chunk size.
        batches = max(1, CHUNK_BYTES // (self.batch_size * self.training.window_bytes))
        order = ShuffledBatches(len(self.training), batches * self.batch_size, self.seed)
        rank, processes = self._get_rank_and_world_size()
        chunks = _BatchChunks(self._move_windows(self.training), self.batch_size)
        if processes == 1:
            return DataLoader(chunks, sampler=order, batch_size=None)
        return DataLoader(_ShardedChunks(chunks, rank, processes), sampler=order, batch_size=None)

    def transfer_batch_to_device(
        self, batch: Batch | list[Batch], device: torch.device, dataloader_idx: int
    ) -> Batch | list[Batch]:
        """Move the tensors that are on another device."""
        # Lightning's own traversal takes time even if there is nothing to move.
        if isinstance(batch, list):
            return [_move_to_device(part, device) for part in batch]
        return _move_to_device(batch, device)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return a loader of all validation windows, in order."""
        # Slices are views of the values, so that validation copies nothing.
        starts = range(0, len(self.validation), SCORING_BATCH_SIZE)
        order = [slice(start, start + SCORING_BATCH_SIZE) for start in starts]
        rank, processes = self._get_rank_and_world_size()
        windows = self._move_windows(self.validation)
        return DataLoader(
            _ShardedWindows(windows, rank, processes) if processes > 1 else windows,
            sampler=order,
            batch_size=None,
        )

    def _move_windows(self, windows: Windows) -> Windows:
        """Move the values once to a GPU with enough memory, which then gathers the windows.

        Windows overlap, so that moving them in batches would move each value many times.
        """
        device = torch.device("cpu") if self.trainer is None else self.trainer.strategy.root_device
        if device.type == "cpu" or windows.values.device == device:
            return windows
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if windows.values.nbytes > MAX_RESIDENT_SHARE * free:
                return windows
        return windows.to(device)

    def _get_rank_and_world_size(self) -> tuple[int, int]:
        """Return the rank of this process and the number of processes."""
        trainer = self.trainer
        return (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)


class _BatchChunks(Dataset[list[WindowBatch]]):
    """Windows of an index, gathered in one operation and split into batches."""

    def __init__(self, windows: Windows, batch_size: int):
        self.windows = windows
        self.batch_size = batch_size

    def __getitem__(self, index: Tensor) -> list[WindowBatch]:
        return self.gather_batches(index, self.batch_size)

    def gather_batches(self, index: Tensor, size: int | list[int]) -> list[WindowBatch]:
        """Gather the windows of an index and split them into batches of one size or several."""
        # Splitting returns views of the gathered windows.
        past, future, known = self.windows[index]
        parts = past.split(size), future.split(size)
        if known is None:
            return [WindowBatch(*pair) for pair in zip(*parts, strict=True)]
        return [WindowBatch(*three) for three in zip(*parts, known.split(size), strict=True)]


class _ShardedChunks(Dataset[list[BatchShare]]):
    """This process's shares of batches, gathered in one operation without other windows."""

    def __init__(self, chunks: _BatchChunks, rank: int, world_size: int):
        self.chunks = chunks
        self.rank = rank
        self.world_size = world_size

    def __getitem__(self, index: Tensor) -> list[BatchShare]:
        batches = index.split(self.chunks.batch_size)
        process = self.rank, self.world_size
        shares = [batch[_compute_window_slice(len(batch), *process)] for batch in batches]
        sizes = [len(numbers) for numbers in shares]
        parts = self.chunks.gather_batches(torch.cat(shares), sizes)
        return [
            _build_share(part, len(batch), *process)
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
        share = _compute_window_slice(stop - start, self.rank, self.world_size)
        part = self.windows[start + share.start : start + share.stop]
        return _build_share(part, stop - start, self.rank, self.world_size)


def _compute_window_slice(windows: int, rank: int, processes: int) -> slice:
    """Return the slice of a batch's windows for a process, with at least one window."""
    # Integer arithmetic: the shares are disjoint, cover the batch and differ by one window.
    first, last = windows * rank // processes, windows * (rank + 1) // processes
    return slice(first, last) if last > first else slice(0, 1)


def _build_share(part: WindowBatch, windows: int, rank: int, processes: int) -> BatchShare:
    count = windows * (rank + 1) // processes - windows * rank // processes
    # Each process must run every step. A loss without observed values is 0 and has no gradient.
    if count == 0:
        part = part._replace(future=torch.full_like(part.future, torch.nan))
    return BatchShare(part, windows, processes * count / windows)


def _move_to_device(batch: Batch, device: torch.device) -> Batch:
    if isinstance(batch, BatchShare):
        return batch._replace(part=_move_to_device(batch.part, device))
    moved = [None if part is None else part.to(device, non_blocking=True) for part in batch]
    return WindowBatch(*moved)  # pyright: ignore[reportArgumentType]
