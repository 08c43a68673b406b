import shutil
from collections.abc import Sequence
from pathlib import Path

from revin_forecast.errors import InputError
from revin_forecast.shift.job import ARTEFACTS
from revin_forecast.shift.journal import Journal, load_signed


def merge_folders(parts: Sequence[Path], folder: Path) -> None:
    """Put the artefacts of several benchmark folders together; results of a key are the same.

    Args:
        parts: folders that `benchmark` wrote to.
        folder: gets all of them; it may hold some already.

    Raises:
        InputError: a folder that holds none.
    """
    for part in parts:
        if not (part / ARTEFACTS).is_dir():
            raise InputError(f"{part} is no benchmark's folder: it holds no {ARTEFACTS}/.")
        for run in sorted((part / ARTEFACTS / "runs").glob("*")):
            _merge_run(run, folder / ARTEFACTS / "runs" / run.name)


def _merge_run(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    if (load_signed(target / "run.json") or {}).get("status") != "done":
        for name in ("weights.safetensors", "run.json"):
            if (source / name).is_file():
                shutil.copy2(source / name, target / name)
    ours = Journal(target / "cells.jsonl")
    known = ours.repair()
    for key, entry in Journal(source / "cells.jsonl").read().items():
        if key not in known or (known[key]["status"], entry["status"]) == ("failed", "done"):
            ours.append(entry)
