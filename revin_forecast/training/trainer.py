"""One stage of training with Lightning: early stopping, checkpoints and logs."""

import csv
import logging
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor

from revin_forecast.data.lightning_module import ForecastDataModule
from revin_forecast.errors import InputError, format_install_command
from revin_forecast.training.checkpoints import (
    MONITOR,
    AtomicCheckpointIO,
    TrainingResult,
    best_checkpoint,
    last_checkpoint,
    read_checkpoint,
    stage_result,
)
from revin_forecast.training.progress_callback import EpochProgress
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.memory import retain_freed_memory
from revin_forecast.utils.progress import is_verbose
from revin_forecast.utils.threads import torch_threads


def run_stage(
    module: LightningModule,
    data: ForecastDataModule,
    settings: TrainingSettings,
    folder: Path,
    resume: bool,
    advance: Callable[..., None],
) -> tuple[TrainingResult, dict[str, Tensor]]:
    """Fit a module with early stopping, in this process as one of the run's processes.

    Args:
        module: a module that logs `validation_loss`.
        data: training and validation windows.
        settings: epochs, patience and other settings.
        folder: folder for checkpoints and logs.
        resume: whether to resume from the folder's last checkpoint.
        advance: called after each epoch in the first process of the run.

    Returns:
        The result of the stage and the module's weights of the best epoch.

    Raises:
        KeyboardInterrupt: on Ctrl-C; the folder has the checkpoints of the last complete epoch.
    """
    retain_freed_memory()
    with silence_lightning(), _default_signal_handling(), torch_threads(settings.threads):
        logger = _make_logger(settings, folder)
        log_rows = _logged_rows(folder) if resume else []
        trainer = make_trainer(settings, folder, logger, EpochProgress(advance))
        if log_rows and trainer.is_global_zero and isinstance(logger, CSVLogger):
            logger.experiment.metrics = log_rows  # the logger would overwrite the file
        last = last_checkpoint(folder) if resume else None
        trainer.fit(module, datamodule=data, ckpt_path=last, weights_only=True)
    if trainer.world_size == 1:
        return stage_result(folder)
    result = trainer.strategy.broadcast(stage_result(folder) if trainer.is_global_zero else None)
    assert result is not None  # the first process sends it
    return result


def make_trainer(
    settings: TrainingSettings,
    folder: Path,
    logger: Logger | None = None,
    *extra_callbacks: Callback,
) -> Trainer:
    """Return the Lightning trainer of a stage.

    Raises:
        InputError: the machine lacks the devices or the precision, or Lightning the strategy.
    """
    _check_precision(settings)
    # The last checkpoint is written after the best one and refers to it. A run killed between the
    # two writes resumes from the previous epoch and arrives at the same best epoch again.
    best, last = (
        ModelCheckpoint(path.parent, path.stem, monitor=monitor, enable_version_counter=False)
        for path, monitor in ((best_checkpoint(folder), MONITOR), (last_checkpoint(folder), None))
    )
    stop = EarlyStopping(MONITOR, patience=settings.patience, min_delta=0.0)
    callbacks: list[Callback] = [best, last, stop, *extra_callbacks]
    if settings.progress:  # on the error stream: standard output may be a table
        callbacks.append(RichProgressBar(console_kwargs={"stderr": True}))
    try:
        return Trainer(
            max_epochs=settings.max_epochs,
            callbacks=callbacks,
            logger=logger or _make_logger(settings, folder),
            enable_progress_bar=settings.progress,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            default_root_dir=folder,
            plugins=[AtomicCheckpointIO()],
            precision=settings.precision,
            **_device_options(settings),
        )
    except (MisconfigurationException, ValueError) as error:
        raise InputError(
            f"training can't run with devices={settings.devices}, num_nodes={settings.num_nodes}, "
            f"strategy={settings.strategy}: {error}"
        ) from error


def _check_precision(settings: TrainingSettings) -> None:
    """Raise InputError for bfloat16 on a GPU that can only emulate it."""
    if settings.precision == "32-true" or not torch.cuda.is_available():
        return
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        raise InputError(
            f"{torch.cuda.get_device_name()} has no bfloat16, which precision={settings.precision} "
            "needs. Leave the precision out."
        )


def _device_options(settings: TrainingSettings) -> dict[str, Any]:
    """Return the trainer's arguments for devices and processes."""
    if settings.devices * settings.num_nodes == 1:
        return {"devices": 1}
    strategy = settings.strategy
    # The package starts the processes itself (`multi_process`), so a start method has no effect.
    for suffix in ("_spawn", "_fork", "_notebook"):
        strategy = strategy.replace(suffix, "")
    return {
        "devices": settings.devices,
        "num_nodes": settings.num_nodes,
        "strategy": "ddp" if strategy == "auto" else strategy,
        "use_distributed_sampler": False,  # ForecastDataModule splits the batches
        # torch has no synchronized batch norm for CPUs: there each process normalizes its share.
        "sync_batchnorm": torch.cuda.is_available(),
    }


def _make_logger(settings: TrainingSettings, folder: Path) -> Logger:
    if settings.logger == "csv":
        return CSVLogger(folder, name="logs", version="")
    try:
        return TensorBoardLogger(folder, name="logs", version="")
    except ModuleNotFoundError as error:
        raise InputError(
            "the tensorboard logger needs a package that is not installed: "
            f"{format_install_command('tensorboard')}. Or use the csv logger."
        ) from error


def _logged_rows(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of the log up to the epoch of the last checkpoint."""
    log = folder / "logs" / "metrics.csv"
    if not log.is_file():
        return []
    # Later rows belong to an epoch without a checkpoint, which is trained again.
    last = read_checkpoint(last_checkpoint(folder))["epoch"]
    with log.open(newline="") as file:
        return [row for row in csv.DictReader(file) if int(row.get("epoch") or last + 1) <= last]


@contextmanager
def _default_signal_handling() -> Iterator[None]:
    """Restore the usual effect of SIGINT and SIGTERM, which Lightning handles in its own way."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SIGTERMException:
        raise SystemExit(128 + signal.SIGTERM) from None
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            signal.signal(signal.SIGINT, handler)  # Lightning ignores further interrupts
            raise KeyboardInterrupt from None
        raise


@contextmanager
def silence_lightning() -> Iterator[None]:
    """Silence the trainer's device lists, tips and advice about worker processes.

    With `--verbose`, the trainer prints its devices; tips stay silent.
    """
    names = () if is_verbose() else ("lightning.pytorch", "lightning.fabric")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    tip_logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    tip_logger.addFilter(_is_not_tip)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings(
            "ignore", message=".*Checkpoint directory .* exists and is not em.*"
        )
        warnings.filterwarnings("ignore", message=".*Experiment logs directory .* exists.*")
        # Caused by Lightning's use of torch's pytree.
        warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated")
        for logger in loggers:
            logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            tip_logger.removeFilter(_is_not_tip)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _is_not_tip(record: logging.LogRecord) -> bool:
    """Return whether a log record is not one of Lightning's tips."""
    return "Tip:" not in record.getMessage()
