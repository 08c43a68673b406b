"""Forecasts of intermittent series by statsforecast, computed once and cached."""

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.accuracy.forecast_intermittent import NAMES
from benchmarks.accuracy.intermittent_panel import IntermittentTask
from benchmarks.accuracy.statsforecast_runs import ensure_environment

FOLDER = Path(__file__).parent
PROGRAM, PINS = FOLDER / "forecast_intermittent.py", FOLDER / "intermittent.txt"


def load_flights(folder: Path) -> dict[str, np.ndarray]:
    """Return daily counts of flights by "family/name"; see `forecast_intermittent`."""
    return dict(np.load(_run_once(folder, "flights", None)))


def load_peers(
    tasks: Sequence[IntermittentTask], folder: Path
) -> tuple[dict[str, list[np.ndarray]], str]:
    """Return the forecasts (columns, horizon) of each peer for each task, and their date.

    Args:
        tasks: tasks to forecast.
        folder: folder of the environment, created if necessary, and of the cache.
    """
    longest = max(len(task.history) for task in tasks)
    histories = np.full((len(tasks), longest), np.nan)
    for row, task in zip(histories, tasks, strict=True):
        row[longest - len(task.history) :] = task.history
    horizons = np.array([len(task.truth) for task in tasks])
    inputs = {"histories": histories, "horizons": horizons}
    arrays = np.load(_run_once(folder, "forecasts", inputs))
    values = {
        name: [
            own[index, :, : len(task.truth)]
            for own, task in zip(arrays["values"], tasks, strict=True)
        ]
        for index, name in enumerate(NAMES)
    }
    return values, str(arrays["date"])


def _run_once(folder: Path, kind: str, inputs: dict[str, np.ndarray] | None) -> Path:
    """Return the result of the program, from the cache if it is there."""
    # The key covers the inputs, the program and the pinned versions.
    content = [PROGRAM.read_bytes(), PINS.read_bytes(), kind.encode()]
    content += [array.tobytes() for array in (inputs or {}).values()]
    key = hashlib.sha256(b"".join(content)).hexdigest()[:16]
    cached = folder / "results" / f"intermittent-{key}.npz"
    if cached.is_file():
        return cached
    cached.parent.mkdir(parents=True, exist_ok=True)
    source, partial = cached.with_suffix(".task.npz"), cached.with_suffix(".new")
    if inputs is not None:
        np.savez_compressed(source, allow_pickle=False, **inputs)
    python = ensure_environment(folder, PINS)
    command = [python, PROGRAM, kind if inputs is None else source, partial]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    source.unlink(missing_ok=True)
    partial.rename(cached)
    return cached
