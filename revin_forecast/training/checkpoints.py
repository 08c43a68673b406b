"""Checkpoints that a run killed at any moment can go on from."""

import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from revin_forecast.errors import InputError
from revin_forecast.files import atomic_write
from revin_forecast.settings import TrainingSettings

MONITOR = "validation_loss"
"""What decides which epoch is the best and when to stop."""


@dataclass(frozen=True)
class TrainingResult:
    """What a training run came to."""

    epochs: int
    """Epochs run, those before a resume included."""
    best_epoch: int
    """The epoch, from 0, whose weights the model has now."""
    validation_loss: float
    """Of those weights."""


def last_checkpoint(folder: Path) -> Path:
    """Return where the checkpoint lies that a stage is resumed from."""
    return folder / "checkpoints" / "last.ckpt"


def best_checkpoint(folder: Path) -> Path:
    """Return where the checkpoint of the best epoch lies."""
    return folder / "checkpoints" / "best.ckpt"


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoints that are replaced in one step, and that may be moved to another folder.

    Lightning's own are first written to the system's folder for temporary files; from another disk
    they are copied, and a copy can be cut off.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint: the old one is there until the new one is whole."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial:
            torch.save(checkpoint, partial)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a checkpoint; what it says of its own folder becomes the one it is in."""
        checkpoint = read_checkpoint(Path(path), map_location)
        here = Path(path).parent.resolve()
        for name, state in checkpoint["callbacks"].items():
            if name.startswith("ModelCheckpoint"):
                best = str(here / Path(state["best_model_path"]).name)
                state |= {"dirpath": str(here), "best_model_path": best}
                if state["best_k_models"]:  # else none is followed there
                    score = state["best_model_score"]
                    state |= {"kth_best_model_path": best, "best_k_models": {best: score}}
        return checkpoint


def read_checkpoint(path: Path, device: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint; runs no pickled code.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; train again without resume.") from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged; train again without resume.") from error


def is_finished(folder: Path, settings: TrainingSettings) -> bool:
    """Return whether a stage's run came to its end: its last epoch, or an early stop."""
    if not last_checkpoint(folder).is_file():
        return False
    last = read_checkpoint(last_checkpoint(folder))
    stop = _callback_state(last, "EarlyStopping", MONITOR)
    return (
        last["epoch"] + 1 >= settings.max_epochs
        or stop["wait_count"] >= stop["patience"]
        or stop["stopped_epoch"] > 0
    )


def stage_result(folder: Path) -> tuple[TrainingResult, dict[str, Tensor]]:
    """Return what a stage came to, and the module's weights of its best epoch."""
    last, best = read_checkpoint(last_checkpoint(folder)), read_checkpoint(best_checkpoint(folder))
    score = float(_callback_state(last, "ModelCheckpoint", MONITOR)["best_model_score"])
    return TrainingResult(last["epoch"] + 1, int(best["epoch"]), score), best["state_dict"]


def _callback_state(checkpoint: dict[str, Any], callback: str, monitor: str) -> dict[str, Any]:
    """Return what that callback of Lightning's kept which follows a loss."""
    states = checkpoint["callbacks"].items()
    return next(state for name, state in states if name.startswith(callback) and monitor in name)
