"""One stage of training: early stopping on validation, checkpoints, logs."""

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
    """Fit a module with early stopping, in this process as one of the run's.

    Args:
        module: logs `validation_loss`.
        data: training and validation windows.
        settings: epochs, patience and the like.
        folder: keeps checkpoints and logs.
        resume: go on from its last checkpoint.
        advance: is told of each epoch, in the run's first process.

    Returns:
        What the stage came to, and the module's weights of the best epoch.

    Raises:
        KeyboardInterrupt: Ctrl-C; the folder has the checkpoints of the last whole epoch.
    """
    retain_freed_memory()
    with silence_lightning(), _default_signal_handling(), torch_threads(settings.threads):
        logger = _make_logger(settings, folder)
        kept = _logged_rows(folder) if resume else []
        trainer = make_trainer(settings, folder, logger, EpochProgress(advance))
        if kept and trainer.is_global_zero and isinstance(logger, CSVLogger):
            logger.experiment.metrics = kept  # else it starts the file anew
        last = last_checkpoint(folder) if resume else None
        trainer.fit(module, datamodule=data, ckpt_path=last, weights_only=True)
    if trainer.world_size == 1:
        return stage_result(folder)
    found = trainer.strategy.broadcast(stage_result(folder) if trainer.is_global_zero else None)
    assert found is not None  # the first process sends it
    return found


def make_trainer(
    settings: TrainingSettings,
    folder: Path,
    logger: Logger | None = None,
    *more: Callback,
) -> Trainer:
    """Return Lightning's trainer.

    Raises:
        InputError: the machine has no such devices or no such precision, or Lightning no such
            strategy.
    """
    _check_precision(settings)
    # The last one is written after the best one, and knows of it: a run killed between the two
    # goes on from the epoch before and comes to the same best one again.
    best, last = (
        ModelCheckpoint(path.parent, path.stem, monitor=monitor, enable_version_counter=False)
        for path, monitor in ((best_checkpoint(folder), MONITOR), (last_checkpoint(folder), None))
    )
    stop = EarlyStopping(MONITOR, patience=settings.patience, min_delta=0.0)
    callbacks: list[Callback] = [best, last, stop, *more]
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
    """Refuse bfloat16 where the GPU would only imitate it."""
    if settings.precision == "32-true" or not torch.cuda.is_available():
        return
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        raise InputError(
            f"{torch.cuda.get_device_name()} has no bfloat16, which precision={settings.precision} "
            "computes in. Leave the precision out."
        )


def _device_options(settings: TrainingSettings) -> dict[str, Any]:
    if settings.devices * settings.num_nodes == 1:
        return {"devices": 1}
    strategy = settings.strategy
    for way in ("_spawn", "_fork", "_notebook"):  # how they are started is up to us
        strategy = strategy.replace(way, "")
    return {
        "devices": settings.devices,
        "num_nodes": settings.num_nodes,
        "strategy": "ddp" if strategy == "auto" else strategy,
        "use_distributed_sampler": False,  # the data know their shares
        # Of no use to CPUs, where torch has none: there each process normalizes its share.
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
    done = read_checkpoint(last_checkpoint(folder))["epoch"]
    with log.open(newline="") as file:
        return [row for row in csv.DictReader(file) if int(row.get("epoch") or done + 1) <= done]


@contextmanager
def _default_signal_handling() -> Iterator[None]:
    """Let Ctrl-C and a request to end do what they do elsewhere: Lightning has its own ways."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SIGTERMException:
        raise SystemExit(128 + signal.SIGTERM) from None
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            signal.signal(signal.SIGINT, handler)  # Lightning ignores further ones
            raise KeyboardInterrupt from None
        raise


@contextmanager
def silence_lightning() -> Iterator[None]:
    """Silence what the trainer says unasked: device lists, tips, advice on worker processes.

    With `--verbose` it says which devices it uses; tips stay away.
    """
    names = () if is_verbose() else ("lightning.pytorch", "lightning.fabric")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    speaker = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    speaker.addFilter(_is_not_tip)
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
            speaker.removeFilter(_is_not_tip)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _is_not_tip(record: logging.LogRecord) -> bool:
    return "Tip:" not in record.getMessage()
