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
            self.advance(trainer.current_epoch, resumed=True)

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
        self.new_steps = self.resumed_steps = 0

    def write(self, steps: int = 1, note: str = "", resumed: bool = False) -> None:
        """Write the steps done so far; the worker's `advance`."""
        self.new_steps += steps * (not resumed)
        self.resumed_steps += steps * resumed
        if steps:  # progress within an epoch is too frequent for a file
            with atomic_write(self.path) as partial:
                text = f"{self.resumed_steps} {self.new_steps} {note}"
                partial.write_text(text, encoding="utf-8")

    def relay(self, advance: Callable[..., None]) -> None:
        """Report new steps in the main process."""
        if self.path.is_file():
            resumed, new, note = self.path.read_text(encoding="utf-8").split(" ", 2)
            advance(int(resumed) - self.resumed_steps, resumed=True)
            advance(int(new) - self.new_steps, note)
            self.resumed_steps, self.new_steps = int(resumed), int(new)
