import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from torch import Tensor, nn

from revin_forecast.data.module import ForecastData
from revin_forecast.data.windows import WindowBatch
from revin_forecast.errors import InputError
from revin_forecast.metrics import mae, mse
from revin_forecast.reversible import forecast_channels
from revin_forecast.settings import TrainingSettings

LOSSES: dict[str, Callable[..., Tensor]] = {"mse": mse, "mae": mae}


class ForecastingModule(LightningModule):
    """Train a model on windows; the loss is in data units, after denormalizing.

    Args:
        model: (batch, lookback, channels) -> (batch, horizon, channels).
        learning_rate: of Adam.
        loss: "mse" or "mae", over observed targets only.
        seed: with the step, of whatever randomness the model has, so that a resumed run draws
            what an undisturbed one would.
    """

    def __init__(
        self,
        model: nn.Module,
        learning_rate: float = 1e-3,
        loss: Literal["mse", "mae"] = "mse",
        seed: int = 0,
    ):
        super().__init__()
        self.model = model
        self.learning_rate = learning_rate
        self.loss = LOSSES[loss]
        self.seed = seed

    def forward(self, past: Tensor) -> Tensor:
        """Forecast in data units."""
        return self.model(past)

    def on_train_batch_start(self, batch: WindowBatch, batch_idx: int) -> None:
        """Seed the step."""
        torch.manual_seed(self.seed * 1_000_003 + self.global_step)

    def training_step(self, batch: WindowBatch) -> Tensor:
        """Return the loss of one batch."""
        loss = self._loss(batch)
        self.log("training_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.past))
        return loss

    def validation_step(self, batch: WindowBatch) -> None:
        """Log the loss over all validation windows."""
        self.log("validation_loss", self._loss(batch), prog_bar=True, batch_size=len(batch.past))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam over the model's parameters, shared ones once."""
        return torch.optim.Adam(self.model.parameters(), lr=self.learning_rate)

    def _loss(self, batch: WindowBatch) -> Tensor:
        truth = forecast_channels(self.model, batch.future)
        return self.loss(self.model(batch.past), truth)


@dataclass(frozen=True)
class TrainingResult:
    """What a training run came to."""

    epochs: int
    """Epochs run, those before a resume included."""
    best_epoch: int
    """The epoch, from 0, whose weights the model has now."""
    validation_loss: float
    """Of those weights."""


def train(
    model: nn.Module,
    data: ForecastData,
    settings: TrainingSettings,
    folder: Path | None = None,
    resume: bool = False,
) -> TrainingResult:
    """Train by gradient, stop early on validation, and leave the best weights in the model.

    Args:
        model: trained in place.
        data: training and validation windows.
        settings: epochs, learning rate and the like.
        folder: keeps checkpoints and logs; None: a temporary one.
        resume: go on from the folder's last checkpoint, to the same result, bit for bit on a CPU,
            as an undisturbed run.

    Raises:
        InputError: resume without a folder that holds a checkpoint.
    """
    if folder is None:
        if resume:
            raise InputError("resume needs the folder of the run to go on with; pass folder=...")
        with TemporaryDirectory() as scratch:
            return train(model, data, settings, Path(scratch))
    last = folder / "checkpoints" / "last.ckpt"
    if resume and not last.is_file():
        raise InputError(f"no checkpoint to resume from at {last}; train without resume first.")
    module = ForecastingModule(model.train(), settings.learning_rate, settings.loss, settings.seed)
    checkpoint = ModelCheckpoint(
        dirpath=last.parent,
        filename="best",
        monitor="validation_loss",
        save_last=True,
        enable_version_counter=False,
    )
    stop = EarlyStopping("validation_loss", patience=settings.patience, min_delta=0.0)
    callbacks: list[Callback] = [checkpoint, stop]
    if settings.progress:  # on the error stream: standard output may be a table
        callbacks.append(RichProgressBar(console_kwargs={"stderr": True}))
    with _quiet():
        trainer = _trainer(settings, folder, callbacks)
        trainer.fit(module, datamodule=data, ckpt_path=last if resume else None, weights_only=True)
    best = torch.load(checkpoint.best_model_path, map_location="cpu", weights_only=True)
    weights = {name.removeprefix("model."): part for name, part in best["state_dict"].items()}
    model.load_state_dict(weights)
    model.eval()
    score = checkpoint.best_model_score
    return TrainingResult(trainer.current_epoch, int(best["epoch"]), float(score or 0.0))


def _trainer(settings: TrainingSettings, folder: Path, callbacks: list[Callback]) -> Trainer:
    return Trainer(
        max_epochs=settings.max_epochs,
        devices=1,
        gradient_clip_val=settings.gradient_clip,
        callbacks=callbacks,
        logger=_logger(settings, folder),
        enable_progress_bar=settings.progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        default_root_dir=folder,
    )


def _logger(settings: TrainingSettings, folder: Path) -> Logger:
    if settings.logger == "csv":
        return CSVLogger(folder, name="logs", version="")
    try:
        return TensorBoardLogger(folder, name="logs", version="")
    except ModuleNotFoundError as error:
        raise InputError(
            "the tensorboard logger needs a package that is not installed; "
            "pip install 'revin-forecast[tensorboard]', or use the csv logger."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the trainer says unasked: device lists, tips, advice on worker processes."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings(
            "ignore", message=".*Checkpoint directory .* exists and is not em.*"
        )
        warnings.filterwarnings("ignore", message=".*Experiment logs directory .* exists.*")
        # Lightning's own use of torch's pytree.
        warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated")
        for logger in loggers:
            logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
