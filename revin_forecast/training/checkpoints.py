"""Checkpoints that a run killed at any moment can go on from."""

import json
import pickle
import re
import zipfile
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor, nn

from revin_forecast.data.lightning_module import ForecastDataModule
from revin_forecast.errors import InputError
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.files import atomic_write

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


NOT_FINGERPRINTED = ("max_epochs", "logger", "progress", "devices", "num_nodes", "strategy")
"""Settings that may change when a run goes on: its result is that of a run that had them always."""


def run_fingerprint(
    model: nn.Module, data: ForecastDataModule, settings: TrainingSettings
) -> dict[str, Any]:
    """Return all that a run's result depends on, in plain values."""
    windows = data.training
    options = {
        name: value for name, value in asdict(settings).items() if name not in NOT_FINGERPRINTED
    }
    content = {
        "options": options | {"lookback": windows.lookback, "horizon": windows.horizon},
        "model": re.sub(r" at 0x[0-9a-f]+", "", repr(model)),
        "rows": _hash_tensors(windows.values, windows.known),
        "validation rows": _hash_tensors(data.validation.values, data.validation.known),
    }
    return json.loads(json.dumps(content))


def record_start(folder: Path, content: dict[str, Any], threads: int | None) -> None:
    """Note that a run begins in a folder, and on how many threads: its sums depend on it."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(_record_path(folder)) as partial:
        noted = content | {"threads": threads}
        partial.write_text(json.dumps(noted, indent=2) + "\n", encoding="utf-8")


def has_started(folder: Path) -> bool:
    """Return whether a run has begun in a folder, even if it came to no checkpoint."""
    return _record_path(folder).is_file()


def check_resumable(folder: Path, content: dict[str, Any]) -> int | None:
    """Refuse to go on with a run of something else; return the number of threads that it has.

    None: torch's own, as a run had of a version that kept no record of them.

    Raises:
        InputError: options, model or data are others than when the run began.
    """
    if not has_started(folder):  # of a version that kept no record
        return None
    before = json.loads(_record_path(folder).read_text(encoding="utf-8"))
    # An option that came with a later version had its default before.
    had, has = asdict(TrainingSettings()) | before["options"], content["options"]
    differ = [name for name in has if had.get(name) != has[name]]
    changes = [f"{name} {had.get(name)} instead of {has[name]}" for name in differ]
    if not changes and before["model"] != content["model"]:
        changes.append("another backbone or normalizer, or other parameters of them")
    rows = ("rows", "validation rows")
    if not changes and any(before[name] != content[name] for name in rows):
        changes.append("other rows in the table")
    if changes:
        raise InputError(
            f"the run in {folder} can't go on, it had {'; '.join(changes)}. Resume with what it "
            "had, or train anew without resume."
        )
    return before.get("threads")


def _record_path(folder: Path) -> Path:
    return folder / "run.json"


def _hash_tensors(*parts: Tensor | None) -> str:
    total = sha256()
    for part in parts:
        if part is not None:
            total.update(part.contiguous().numpy().data.cast("B"))
    return total.hexdigest()
