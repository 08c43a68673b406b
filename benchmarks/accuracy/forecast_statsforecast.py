"""Forecasts of statsforecast: run by peers.py, in an environment of their own."""

import datetime
import multiprocessing
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from statsforecast import models  # pyright: ignore[reportMissingImports]

NAMES = ("SeasonalNaive", "AutoETS", "AutoTheta", "DynamicOptimizedTheta")
PROCESSES = 2


def forecast(history: np.ndarray, season: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (models, horizon) forecasts and each model's processor seconds, fit included.

    A history shorter than the others has NaN in front.
    """
    known = history[np.isfinite(history)]
    ahead, seconds = np.empty((len(NAMES), horizon)), np.empty(len(NAMES))
    for place, name in enumerate(NAMES):
        start = time.process_time()
        model = getattr(models, name)(season_length=season)
        ahead[place] = model.forecast(y=known, h=horizon)["mean"]
        seconds[place] = time.process_time() - start
    return ahead, seconds


def main(given: str, made: str) -> None:
    """Forecast each history of a .npz file into another one."""
    warnings.simplefilter("ignore")
    task = np.load(given)
    one = partial(forecast, season=int(task["season"]), horizon=int(task["horizon"]))
    with multiprocessing.Pool(PROCESSES) as pool:
        done = pool.map(one, list(task["histories"]), chunksize=1)
    values, seconds = (np.array(part) for part in zip(*done, strict=True))
    if not np.isfinite(values).all():
        raise SystemExit("a statistical model's forecast is not finite")
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    with Path(made).open("wb") as file:
        np.savez_compressed(file, names=NAMES, values=values, seconds=seconds, date=date)


if __name__ == "__main__":
    main(*sys.argv[1:])
