import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader

from revin_forecast.data.windows import EpochBatches, WindowBatch, Windows

SCORING_BATCH = 256


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

    def train_dataloader(self) -> DataLoader[WindowBatch]:
        """Return shuffled batches; each is gathered in one operation."""
        order = EpochBatches(len(self.training), self.batch_size, self.seed)
        return DataLoader(self.training, sampler=order, batch_size=None)

    def transfer_batch_to_device(
        self, batch: WindowBatch, device: torch.device, dataloader_idx: int
    ) -> WindowBatch:
        """Move the tensors that lie elsewhere: Lightning's own walk takes time even for none."""
        moved = [None if part is None else part.to(device, non_blocking=True) for part in batch]
        return WindowBatch(*moved)  # pyright: ignore[reportArgumentType]

    def val_dataloader(self) -> DataLoader[WindowBatch]:
        """Return every validation window in order."""
        starts = range(0, len(self.validation), SCORING_BATCH)
        order = [slice(start, start + SCORING_BATCH) for start in starts]
        return DataLoader(self.validation, sampler=order, batch_size=None)
