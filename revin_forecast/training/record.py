"""What a run is of, beside its checkpoints, so that it goes on as what it was or not at all."""

import json
import re
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from revin_forecast.data.module import ForecastDataModule
from revin_forecast.errors import InputError
from revin_forecast.files import atomic_write
from revin_forecast.settings import TrainingSettings

NOT_FINGERPRINTED = ("max_epochs", "logger", "progress", "devices", "num_nodes", "strategy")
"""Settings that may change when a run goes on: its result is that of a run that had them always."""


def run_fingerprint(model: nn.Module, data: ForecastDataModule, settings: TrainingSettings) -> dict[str, Any]:
    """Return all that a run's result depends on, in plain values."""
    windows = data.training
    options = {name: value for name, value in asdict(settings).items() if name not in NOT_FINGERPRINTED}
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
