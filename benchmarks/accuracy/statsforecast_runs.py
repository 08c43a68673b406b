"""Forecasts of statsforecast, computed once in an environment of its own and cached."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
PROGRAM, PINS = FOLDER / "forecast_statsforecast.py", FOLDER / "statsforecast.txt"
MAX_HISTORY, MAX_SEASONS = 1000, 8
"""The models see so many rows, or so many seasons if that is more."""


@dataclass(frozen=True, eq=False)
class StatsforecastResult:
    """Forecasts of each history by each statistical model."""

    names: tuple[str, ...]
    """Models, in the order of the other arrays."""
    values: np.ndarray
    """Forecasts (histories, models, horizon)."""
    seconds: np.ndarray
    """Processor seconds (histories, models), with the fit."""
    date: str
    """Day of the measurement."""


def cut_histories(values: np.ndarray, origins: tuple[int, ...], season: int) -> np.ndarray:
    """Return the rows (origins * channels, rows) that the models see before each origin.

    These are the last 1,000 rows, or eight seasons if that is more: the time of the models grows
    with the rows, and that of AutoTheta with their square. Gaps are interpolated, and the last
    value is repeated at the end. Leading NaN stay.

    >>> cut_histories(np.array([[np.nan], [1.0], [np.nan], [3.0], [np.nan], [9.0]]), (5,), season=1)
    array([[nan,  1.,  2.,  3.,  3.]])
    """
    longest = max(MAX_HISTORY, MAX_SEASONS * season)
    rows = min(longest, max(origins))
    histories = []
    for origin in origins:
        for channel in values[max(0, origin - longest) : origin].T:
            observed = np.flatnonzero(np.isfinite(channel))
            steps = np.arange(len(channel))
            filled = np.interp(steps, observed, channel[observed], left=np.nan)
            histories.append(np.concatenate([np.full(rows - len(channel), np.nan), filled]))
    return np.array(histories)


def forecast_histories(
    histories: np.ndarray, season: int, horizon: int, folder: Path
) -> StatsforecastResult:
    """Return the forecasts of the statistical models, from the cache if they are there.

    Args:
        histories: (histories, rows), with leading NaN in the shorter ones.
        season: season that the models use.
        horizon: number of steps.
        folder: folder of the environment, created if necessary, and of the cache.
    """
    # The key covers the inputs, the program and the pinned versions: a change of any of them
    # computes and times the forecasts again.
    content = [histories.tobytes(), json.dumps([histories.shape, season, horizon]).encode()]
    content += [PROGRAM.read_bytes(), PINS.read_bytes()]
    key = hashlib.sha256(b"".join(content)).hexdigest()[:16]
    cached = folder / "results" / f"{key}.npz"
    if not cached.is_file():
        cached.parent.mkdir(parents=True, exist_ok=True)
        inputs, partial = cached.with_suffix(".task.npz"), cached.with_suffix(".new")
        np.savez_compressed(inputs, histories=histories, season=season, horizon=horizon)
        command = [ensure_environment(folder), PROGRAM, inputs, partial]
        subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        inputs.unlink()
        partial.rename(cached)
    arrays = np.load(cached)
    return StatsforecastResult(
        tuple(arrays["names"]), arrays["values"], arrays["seconds"], str(arrays["date"])
    )


def read_version() -> str:
    """Return the pinned version of statsforecast."""
    return dict(line.split("==") for line in PINS.read_text().splitlines())["statsforecast"]


def ensure_environment(folder: Path, pins: Path = PINS) -> Path:
    """Return the interpreter of the environment of a file of pins, created if necessary."""
    home = folder / f"environment-{hashlib.sha256(pins.read_bytes()).hexdigest()[:8]}"
    python = home / "bin" / "python"
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        command = [python, "-m", "pip", "install", "-q", "-r", pins]
        subprocess.run(command, check=True)
    return python
