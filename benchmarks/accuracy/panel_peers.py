"""Forecasts of the panel by other packages, computed once in their environments and cached."""

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.accuracy.panel_forecasts import PanelForecasts
from benchmarks.accuracy.panel_tasks import PanelTask
from benchmarks.accuracy.statsforecast_runs import ensure_environment

FOLDER = Path(__file__).parent
PROGRAM = FOLDER / "forecast_panel.py"
STATSFORECAST, FRACAST, FLAIR = (
    FOLDER / f"panel_{name}.txt" for name in ("statsforecast", "fracast", "flair")
)
PEERS = {
    "AutoETS": STATSFORECAST,
    "AutoARIMA": STATSFORECAST,
    "AutoCES": STATSFORECAST,
    "AutoTheta": STATSFORECAST,
    "DynamicOptimizedTheta": STATSFORECAST,
    "MFLES": STATSFORECAST,
    "MSTL": STATSFORECAST,
    "FLAIR": FLAIR,
    "fracast": FRACAST,
}
"""Name of a model -> the pinned versions of its environment."""


def load_peer(name: str, tasks: Sequence[PanelTask], folder: Path) -> PanelForecasts:
    """Return the forecasts of one peer, from the cache if they are there.

    An interrupted run continues where it was saved last.

    Args:
        name: a key of `PEERS`.
        tasks: tasks to forecast.
        folder: folder of the environments, created if necessary, and of the cache.
    """
    cached = find_cache(name, tasks, folder)
    if not cached.is_file():
        cached.parent.mkdir(parents=True, exist_ok=True)
        inputs = cached.with_suffix(".task.npz")
        np.savez_compressed(inputs, allow_pickle=False, **pack_histories(tasks))
        command = [ensure_environment(folder, PEERS[name]), PROGRAM, name, inputs, cached]
        subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        inputs.unlink()
    arrays = np.load(cached)
    names = ("mean", "lower", "upper", "seconds", "errors")
    return PanelForecasts(*(arrays[name] for name in names), date=str(arrays["date"]))


def find_cache(name: str, tasks: Sequence[PanelTask], folder: Path) -> Path:
    """Return the path of the cached forecasts of one peer."""
    # The key covers the inputs, the program and the pinned versions: a change of any of them
    # computes and times the forecasts again.
    content = [array.tobytes() for array in pack_histories(tasks).values()]
    content += [PROGRAM.read_bytes(), PEERS[name].read_bytes()]
    key = hashlib.sha256(b"".join(content)).hexdigest()[:16]
    return folder / "results" / f"panel-{name}-{key}.npz"


def pack_histories(tasks: Sequence[PanelTask]) -> dict[str, np.ndarray]:
    """Return the inputs of the program: all histories in a row, and an entry for each task."""
    return {
        "values": np.concatenate([task.history for task in tasks]),
        "lengths": np.array([len(task.history) for task in tasks]),
        "seasons": np.array([task.season for task in tasks]),
        "horizons": np.array([task.horizon for task in tasks]),
        "steps": np.array([task.step for task in tasks], dtype=str),
    }
