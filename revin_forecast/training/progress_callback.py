"""Progress of training, reported in this process or through a file to the process that waits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from revin_forecast.training.checkpoints import MONITOR
from revin_forecast.utils.files import atomic_write


class EpochProgress(Callback):
    """Lightning callback that reports epochs, validation losses and progress within an epoch.

    Args:
        advance: function from `utils.progress.progress`, called with steps and a note.
    """

    def __init__(self, advance: Callable[..., None]):
        self.advance = advance
        self.loss_text = ""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report the epochs before a resume."""
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
        """Report the share of the current epoch that is done."""
        if trainer.is_global_zero:
            share = (batch_idx + 1) / trainer.num_training_batches
            self.advance(0, f"{share:.0%} of the next{self.loss_text}")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report the end of an epoch and its validation loss."""
        if trainer.is_global_zero:
            self.loss_text = f", validation loss {float(trainer.callback_metrics[MONITOR]):.4g}"
            self.advance(1, self.loss_text.removeprefix(", "))


class ProgressFile:
    """Progress of the first worker, passed to the main process in a small file.

    Args:
        folder: folder that both processes use.
    """

    def __init__(self, folder: Path):
        self.path = folder / "notice.txt"
        self.steps_done = 0

    def write(self, steps: int = 1, note: str = "") -> None:
        """Write the steps done so far; the worker's `advance`."""
        self.steps_done += steps
        if steps:  # progress within an epoch is too frequent for a file
            with atomic_write(self.path) as partial:
                partial.write_text(f"{self.steps_done} {note}", encoding="utf-8")

    def relay(self, advance: Callable[..., None]) -> None:
        """Report new steps in the main process."""
        if self.path.is_file():
            done, _, note = self.path.read_text(encoding="utf-8").partition(" ")
            advance(int(done) - self.steps_done, note)
            self.steps_done = int(done)
