"""Checkpoints from which a run that was killed at any moment can be resumed."""

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
"""Metric that determines the best epoch and early stopping."""
NOT_FINGERPRINTED = ("max_epochs", "logger", "progress", "devices", "num_nodes", "strategy")
"""Settings that may change on resume: the result is as if the run had used them from the start."""


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training run."""

    epochs: int
    """Number of epochs, including those before a resume."""
    best_epoch: int
    """Epoch, counted from 0, whose weights the model has."""
    validation_loss: float
    """Validation loss of those weights."""


def last_checkpoint(folder: Path) -> Path:
    """Return the path of the checkpoint that a stage is resumed from."""
    return folder / "checkpoints" / "last.ckpt"


def best_checkpoint(folder: Path) -> Path:
    """Return the path of the checkpoint of the best epoch."""
    return folder / "checkpoints" / "best.ckpt"


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoint input and output with atomic writes, independent of the folder's location.

    Lightning writes a checkpoint to the system's temporary folder first. If that is on another
    disk, the checkpoint is then copied, and an interrupted copy leaves a damaged file.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint atomically; the old one stays until the new one is complete."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial:
            torch.save(checkpoint, partial)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a checkpoint and replace its folder paths with the folder it is in."""
        checkpoint = read_checkpoint(Path(path), map_location)
        folder = Path(path).parent.resolve()
        for name, state in checkpoint["callbacks"].items():
            if name.startswith("ModelCheckpoint"):
                # Lightning ignores the best model so far if the recorded folder differs.
                best = str(folder / Path(state["best_model_path"]).name)
                state |= {"dirpath": str(folder), "best_model_path": best}
                if state["best_k_models"]:  # empty for the callback that saves every epoch
                    score = state["best_model_score"]
                    state |= {"kth_best_model_path": best, "best_k_models": {best: score}}
        return checkpoint


def read_checkpoint(path: Path, device: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint without running pickled code.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; train again without resume.") from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged; train again without resume.") from error


def is_finished(folder: Path, settings: TrainingSettings) -> bool:
    """Return whether a stage has ended, by its last epoch or by early stopping."""
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
    """Return a stage's result and the module's weights of its best epoch."""
    last, best = read_checkpoint(last_checkpoint(folder)), read_checkpoint(best_checkpoint(folder))
    score = float(_callback_state(last, "ModelCheckpoint", MONITOR)["best_model_score"])
    return TrainingResult(last["epoch"] + 1, int(best["epoch"]), score), best["state_dict"]


def _callback_state(checkpoint: dict[str, Any], callback: str, monitor: str) -> dict[str, Any]:
    """Return the saved state of the Lightning callback with the given monitor."""
    states = checkpoint["callbacks"].items()
    return next(state for name, state in states if name.startswith(callback) and monitor in name)


def run_fingerprint(
    model: nn.Module, data: ForecastDataModule, settings: TrainingSettings
) -> dict[str, Any]:
    """Return everything that a run's result depends on, as plain values."""
    windows = data.training
    options = {
        name: value for name, value in asdict(settings).items() if name not in NOT_FINGERPRINTED
    }
    content = {
        "options": options | {"lookback": windows.lookback, "horizon": windows.horizon},
        # Without memory addresses, which differ between processes.
        "model": re.sub(r" at 0x[0-9a-f]+", "", repr(model)),
        "rows": _hash_tensors(windows.values, windows.known),
        "validation rows": _hash_tensors(data.validation.values, data.validation.known),
    }
    return json.loads(json.dumps(content))  # tuples become lists, as in the recorded fingerprint


def record_start(folder: Path, content: dict[str, Any], threads: int | None) -> None:
    """Record the fingerprint of a run and its number of threads, before its first step."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(_record_path(folder)) as partial:
        # The order of floating-point sums depends on the threads, so a resumed run needs as many.
        record = content | {"threads": threads}
        partial.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def has_started(folder: Path) -> bool:
    """Return whether a run has begun in a folder, even if it has no checkpoint yet."""
    return _record_path(folder).is_file()


def check_resumable(folder: Path, content: dict[str, Any]) -> int | None:
    """Check that a run may be resumed and return its number of threads.

    Args:
        folder: folder of the run.
        content: fingerprint of the run to resume with.

    Returns:
        The recorded number of threads; None: torch's default, if an earlier version of the package
        wrote no record of them.

    Raises:
        InputError: options, model or data differ from those of the run.
    """
    if not has_started(folder):  # earlier versions wrote no record
        return None
    record = json.loads(_record_path(folder).read_text(encoding="utf-8"))
    # An option of a later version had its default value before.
    old, new = asdict(TrainingSettings()) | record["options"], content["options"]
    differing = [name for name in new if old.get(name) != new[name]]
    changes = [f"{name} {old.get(name)} instead of {new[name]}" for name in differing]
    # A changed option may change the model, too; only the option is reported then.
    if not changes and record["model"] != content["model"]:
        changes.append("another backbone or normalizer, or other parameters of them")
    rows = ("rows", "validation rows")
    if not changes and any(record[name] != content[name] for name in rows):
        changes.append("other rows in the table")
    if changes:
        raise InputError(
            f"the run in {folder} can't be resumed: it had {'; '.join(changes)}. Resume with the "
            "same settings, model and rows, or train again without resume."
        )
    return record.get("threads")


def _record_path(folder: Path) -> Path:
    return folder / "run.json"


def _hash_tensors(*parts: Tensor | None) -> str:
    digest = sha256()
    for part in parts:
        if part is not None:
            digest.update(part.contiguous().numpy().data.cast("B"))  # the bytes without a copy
    return digest.hexdigest()
