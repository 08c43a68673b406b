"""Forecast histories with statsforecast; `statsforecast_runs` runs this in its environment."""

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
WORKERS = 2


def forecast_history(
    history: np.ndarray, season: int, horizon: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return forecasts (models, horizon) and the processor seconds of each model with its fit.

    A history shorter than the longest starts with NaN.
    """
    observed = history[np.isfinite(history)]
    forecasts, seconds = np.empty((len(NAMES), horizon)), np.empty(len(NAMES))
    for index, name in enumerate(NAMES):
        start = time.process_time()
        model = getattr(models, name)(season_length=season)
        forecasts[index] = model.forecast(y=observed, h=horizon)["mean"]
        seconds[index] = time.process_time() - start
    return forecasts, seconds


def main(source: str, target: str) -> None:
    """Forecast each history of one .npz file and write the forecasts to another."""
    warnings.simplefilter("ignore")
    inputs = np.load(source)
    forecast = partial(
        forecast_history, season=int(inputs["season"]), horizon=int(inputs["horizon"])
    )
    with multiprocessing.Pool(WORKERS) as pool:
        results = pool.map(forecast, list(inputs["histories"]), chunksize=1)
    values, seconds = (np.array(part) for part in zip(*results, strict=True))
    if not np.isfinite(values).all():
        raise SystemExit("a forecast of a statistical model is not finite")
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    with Path(target).open("wb") as file:
        np.savez_compressed(file, names=NAMES, values=values, seconds=seconds, date=date)


if __name__ == "__main__":
    main(*sys.argv[1:])
