import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from revin_forecast.data.windows import EpochBatches, WindowBatch, Windows

SCORING_BATCH = 256
STRETCH_BYTES = 4 * 2**20
"""Of training windows gathered at once: as many batches as stay in the caches, one at least."""


class ForecastData(LightningDataModule):
    """Training and validation windows for a Lightning trainer.

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

    def train_dataloader(self) -> DataLoader[list[WindowBatch]]:
        """Return shuffled batches, several at a time; those are gathered in one operation."""
        batches = max(1, STRETCH_BYTES // (self.batch_size * self.training.window_bytes))
        order = EpochBatches(len(self.training), batches * self.batch_size, self.seed)
        stretches = _Stretches(self.training, self.batch_size)
        return DataLoader(stretches, sampler=order, batch_size=None)

    def transfer_batch_to_device(
        self, batch: WindowBatch | list[WindowBatch], device: torch.device, dataloader_idx: int
    ) -> WindowBatch | list[WindowBatch]:
        """Move the tensors that lie elsewhere: Lightning's own walk takes time even for none."""
        if isinstance(batch, WindowBatch):
            return _moved(batch, device)
        return [_moved(one, device) for one in batch]

    def val_dataloader(self) -> DataLoader[WindowBatch]:
        """Return every validation window in order."""
        starts = range(0, len(self.validation), SCORING_BATCH)
        order = [slice(start, start + SCORING_BATCH) for start in starts]
        return DataLoader(self.validation, sampler=order, batch_size=None)


class _Stretches(Dataset[list[WindowBatch]]):
    """Chosen windows, gathered together and cut into batches."""

    def __init__(self, windows: Windows, batch_size: int):
        self.windows = windows
        self.batch_size = batch_size

    def __getitem__(self, index: Tensor) -> list[WindowBatch]:
        past, future, known = self.windows[index]
        size = self.batch_size
        parts = past.split(size), future.split(size)
        if known is None:
            return [WindowBatch(*pair) for pair in zip(*parts, strict=True)]
        return [WindowBatch(*three) for three in zip(*parts, known.split(size), strict=True)]


def _moved(batch: WindowBatch, device: torch.device) -> WindowBatch:
    moved = [None if part is None else part.to(device, non_blocking=True) for part in batch]
    return WindowBatch(*moved)  # pyright: ignore[reportArgumentType]
