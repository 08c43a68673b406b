"""Forecasts of the pretrained network alone, without a fit, for a season that is found."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.accuracy.panel_forecasts import PanelForecasts
from benchmarks.accuracy.panel_tasks import PanelTask
from revin_forecast import Identity
from revin_forecast.backbones.pretrained import Pretrained
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.models.reversible import Reversible
from revin_forecast.pretrained.load_weights import WEIGHTS_PATH
from revin_forecast.pretrained.network import MAX_SEASON
from revin_forecast.selection.seasonality import choose_main_season

LEVELS = (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975)
"""Quantiles of every forecast: the bounds of the intervals of 80 and 95 %, and the deciles."""
MEDIAN = LEVELS.index(0.5)
LOWER, UPPER = [LEVELS.index(0.1), 0], [LEVELS.index(0.9), len(LEVELS) - 1]
"""Bounds of the intervals of 80 and 95 %."""
MAX_ROWS = 3 * MAX_SEASON
"""The network sees at most so many rows."""


def find_season(values: np.ndarray, frequency: str | None) -> int:
    """Return the season that the package finds in values (time, channels); 1 if there is none."""
    season = choose_main_season(values, frequency)
    return season if season <= MAX_SEASON else 1


@torch.no_grad()
def forecast_histories(histories: Sequence[np.ndarray], season: int, steps: int) -> np.ndarray:
    """Return quantiles (series, steps, levels) of series of one season, all of them at once.

    A series that was never below 0 is also forecast on logarithms, as `Forecaster` does.

    Args:
        histories: values (rows,) of each series, the last row is the latest; NaN where unobserved.
        season: rows in a season; 1: none.
        steps: number of steps to forecast.
    """
    rows = min(MAX_ROWS, max(map(len, histories)))
    past = np.full((rows, len(histories)), np.nan)
    for column, history in enumerate(histories):
        recent = history[-rows:]
        past[rows - len(recent) :, column] = recent
    least = np.array([np.min(given, initial=0, where=np.isfinite(given)) for given in histories])
    backbone = Pretrained(
        rows, len(LEVELS) * steps, len(histories), season, logs=True, levels=LEVELS
    )
    backbone.zero.copy_(torch.from_numpy(np.where(least < 0, np.nan, 0)))
    model = Reversible(backbone, Identity(len(histories)), LEVELS).eval()
    window = torch.from_numpy(past).unsqueeze(0)
    return model.quantiles(window.nan_to_num(), window.isfinite())[0].transpose(0, 1).numpy()


def forecast_tasks(tasks: Sequence[PanelTask], is_season_given: bool = False) -> PanelForecasts:
    """Forecast the tasks of a panel, in batches of one season and horizon.

    The seconds of a batch are divided by its series; they include the search of the seasons.

    Args:
        tasks: tasks to forecast.
        is_season_given: whether the network gets the season of the task; otherwise the package
            finds it from the dates and values.
    """
    forecasts = PanelForecasts.make_empty(tasks)
    forecast_histories([np.arange(9.0)], 1, 1)  # imports and caches are not timed
    batches: dict[tuple[int, int], list[int]] = {}
    forecasts.seconds[:] = 0
    for index, task in enumerate(tasks):
        start = time.process_time()
        season = task.season if is_season_given else _find_task_season(task)
        batches.setdefault((season, task.horizon), []).append(index)
        forecasts.seconds[index] = time.process_time() - start
    for (season, horizon), indices in batches.items():
        start = time.process_time()
        quantiles = forecast_histories([tasks[index].values for index in indices], season, horizon)
        forecasts.seconds[indices] += (time.process_time() - start) / len(indices)
        forecasts.mean[indices, :horizon] = quantiles[:, :, MEDIAN]
        forecasts.lower[indices, :, :horizon] = quantiles[:, :, LOWER].transpose(0, 2, 1)
        forecasts.upper[indices, :, :horizon] = quantiles[:, :, UPPER].transpose(0, 2, 1)
    return forecasts


def forecast_origins(
    values: np.ndarray, origins: Sequence[int], season: int, steps: int
) -> np.ndarray:
    """Return quantiles (origins, steps, channels, levels) of all channels of a table.

    Args:
        values: (time, channels), NaN where unobserved.
        origins: rows before each forecast.
        season: rows in a season; 1: none.
        steps: number of steps to forecast.
    """
    histories = [channel for origin in origins for channel in values[:origin].T]
    quantiles = forecast_histories(histories, season, steps)
    return quantiles.reshape(len(origins), -1, steps, len(LEVELS)).transpose(0, 2, 1, 3)


def describe_weights(path: Path = WEIGHTS_PATH) -> str:
    """Return the first eight digits of the SHA-256 of a file of weights."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


def _find_task_season(task: PanelTask) -> int:
    series = read_series(pd.DataFrame({"ds": task.dates, "y": task.values}))
    return find_season(series.values, series.frequency)
