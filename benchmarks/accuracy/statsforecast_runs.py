"""Forecasts of statsforecast, made in an environment of their own and kept."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
PROGRAM, PINS = HERE / "forecast_statsforecast.py", HERE / "statsforecast.txt"
SHORTEST_HISTORY, SEASONS = 1000, 8


@dataclass(frozen=True, eq=False)
class Forecasts:
    """What each statistical model made of each history."""

    names: tuple[str, ...]
    values: np.ndarray
    """(histories, models, horizon)."""
    seconds: np.ndarray
    """(histories, models): of a processor, fit included."""
    date: str
    """When they were made."""


def histories(values: np.ndarray, origins: tuple[int, ...], season: int) -> np.ndarray:
    """Return (origins * channels, rows) of what the statistical models see before each origin.

    That is the last 1,000 rows, or eight seasons if that is more: their time grows with the rows,
    AutoTheta's with the square of them. Gaps are interpolated, at the end the last value is held;
    what is NaN in front stays so.

    >>> histories(np.array([[np.nan], [1.0], [np.nan], [3.0], [np.nan], [9.0]]), (5,), season=1)
    array([[nan,  1.,  2.,  3.,  3.]])
    """
    longest = max(SHORTEST_HISTORY, SEASONS * season)
    rows = min(longest, max(origins))
    parts = []
    for origin in origins:
        for channel in values[max(0, origin - longest) : origin].T:
            seen = np.flatnonzero(np.isfinite(channel))
            filled = np.interp(np.arange(len(channel)), seen, channel[seen], left=np.nan)
            parts.append(np.concatenate([np.full(rows - len(channel), np.nan), filled]))
    return np.array(parts)


def forecasts(given: np.ndarray, season: int, horizon: int, folder: Path) -> Forecasts:
    """Return the statistical models' forecasts of each history, made once and kept.

    Args:
        given: (histories, rows), NaN in front of the shorter ones.
        season: told to the models.
        horizon: steps.
        folder: of the environment, made if it is not there, and of what is kept.
    """
    content = [given.tobytes(), json.dumps([given.shape, season, horizon]).encode()]
    content += [PROGRAM.read_bytes(), PINS.read_bytes()]
    key = hashlib.sha256(b"".join(content)).hexdigest()[:16]
    made = folder / "results" / f"{key}.npz"
    if not made.is_file():
        made.parent.mkdir(parents=True, exist_ok=True)
        task, fresh = made.with_suffix(".task.npz"), made.with_suffix(".new")
        np.savez_compressed(task, histories=given, season=season, horizon=horizon)
        command = [environment(folder), PROGRAM, task, fresh]
        subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        task.unlink()
        fresh.rename(made)
    kept = np.load(made)
    return Forecasts(tuple(kept["names"]), kept["values"], kept["seconds"], str(kept["date"]))


def version() -> str:
    """Return the pinned version of statsforecast."""
    return dict(line.split("==") for line in PINS.read_text().splitlines())["statsforecast"]


def environment(folder: Path) -> Path:
    """Return the interpreter of the environment that has statsforecast, made if it is not there."""
    home = folder / f"environment-{hashlib.sha256(PINS.read_bytes()).hexdigest()[:8]}"
    python = home / "bin" / "python"
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        command = [python, "-m", "pip", "install", "-q", "-r", PINS]
        subprocess.run(command, check=True)
    return python
