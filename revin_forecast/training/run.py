"""One stage of training: early stopping on validation, checkpoints, logs."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from torch import Tensor

from revin_forecast.data.module import ForecastData
from revin_forecast.errors import InputError
from revin_forecast.settings import TrainingSettings


@dataclass(frozen=True)
class TrainingResult:
    """What a training run came to."""

    epochs: int
    """Epochs run, those before a resume included."""
    best_epoch: int
    """The epoch, from 0, whose weights the model has now."""
    validation_loss: float
    """Of those weights."""


def fit_stage(
    module: LightningModule,
    data: ForecastData,
    settings: TrainingSettings,
    folder: Path,
    resume: bool,
) -> tuple[TrainingResult, dict[str, Tensor]]:
    """Fit a module with early stopping.

    Args:
        module: logs `validation_loss`.
        data: training and validation windows.
        settings: epochs, patience and the like.
        folder: keeps checkpoints and logs.
        resume: go on from its last checkpoint.

    Returns:
        What the stage came to, and the module's weights of the best epoch.
    """
    last = last_checkpoint(folder)
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
    score = float(checkpoint.best_model_score or 0.0)
    return TrainingResult(trainer.current_epoch, int(best["epoch"]), score), best["state_dict"]


def last_checkpoint(folder: Path) -> Path:
    """Return where the checkpoint lies that a stage is resumed from."""
    return folder / "checkpoints" / "last.ckpt"


def _trainer(settings: TrainingSettings, folder: Path, callbacks: list[Callback]) -> Trainer:
    return Trainer(
        max_epochs=settings.max_epochs,
        devices=1,
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
