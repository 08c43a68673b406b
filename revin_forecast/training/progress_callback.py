"""How far a training is, told to this process or to the one that started it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from revin_forecast.training.checkpoints import MONITOR
from revin_forecast.utils.files import atomic_write


class EpochProgress(Callback):
    """Tell of each epoch and its validation loss, and how far the next one is.

    Args:
        advance: as `progress` yields it.
    """

    def __init__(self, advance: Callable[..., None]):
        self.advance = advance
        self.loss_text = ""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell of the epochs that were done before a resume."""
        if trainer.is_global_zero:
            self.advance(trainer.current_epoch)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Tell how far the epoch is, for those that take long."""
        if trainer.is_global_zero:
            share = (batch_idx + 1) / trainer.num_training_batches
            self.advance(0, f"{share:.0%} of the next{self.loss_text}")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell that an epoch is done."""
        if trainer.is_global_zero:
            self.loss_text = f", validation loss {float(trainer.callback_metrics[MONITOR]):.4g}"
            self.advance(1, self.loss_text.removeprefix(", "))


class ProgressFile:
    """What the first of several processes tells the one that started it, in a small file.

    Args:
        folder: which both know.
    """

    def __init__(self, folder: Path):
        self.path = folder / "notice.txt"
        self.steps_done = 0

    def write(self, steps: int = 1, note: str = "") -> None:
        """Tell of steps done; as `advance`, on the side of the one that works."""
        self.steps_done += steps
        if steps:  # within an epoch there would be too much to write
            with atomic_write(self.path) as partial:
                partial.write_text(f"{self.steps_done} {note}", encoding="utf-8")

    def relay(self, advance: Callable[..., None]) -> None:
        """Tell what is new, on the side of the one that waits."""
        if self.path.is_file():
            done, _, note = self.path.read_text(encoding="utf-8").partition(" ")
            advance(int(done) - self.steps_done, note)
            self.steps_done = int(done)
