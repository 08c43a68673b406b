"""Forecasts of the tasks of the panel by the default and by the seasonal naive method."""

import datetime
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from benchmarks.accuracy.forecast_panel import LEVELS
from benchmarks.accuracy.panel_tasks import PanelTask
from revin_forecast import Forecaster
from revin_forecast.errors import InputError
from revin_forecast.selection.settings import SelectionSettings


@dataclass(frozen=True, eq=False)
class PanelForecasts:
    """Forecasts of all tasks by one model, padded with NaN to the longest horizon."""

    mean: np.ndarray
    """Point forecasts (tasks, steps); NaN if there is none."""
    lower: np.ndarray
    """Lower bounds (tasks, levels, steps) of the intervals of 80 and 95 %; NaN if none."""
    upper: np.ndarray
    """Upper bounds (tasks, levels, steps)."""
    seconds: np.ndarray
    """Processor seconds (tasks,) of fit, forecast and intervals."""
    errors: np.ndarray
    """Messages (tasks,) of failed fits and refused intervals; empty if there is none."""
    date: str
    """Day of the measurement."""

    @classmethod
    def make_empty(cls, tasks: Sequence[PanelTask]) -> "PanelForecasts":
        """Return arrays of NaN for the forecasts of today."""
        steps = max(task.horizon for task in tasks)
        bounds = (len(tasks), len(LEVELS), steps)
        return cls(
            np.full((len(tasks), steps), np.nan),
            np.full(bounds, np.nan),
            np.full(bounds, np.nan),
            np.full(len(tasks), np.nan),
            np.full(len(tasks), "", dtype=object),
            datetime.datetime.now(datetime.UTC).date().isoformat(),
        )


def forecast_default(
    tasks: Sequence[PanelTask], without_pretrained: bool = False
) -> PanelForecasts:
    """Forecast each series by itself with `Forecaster(horizon)`, through the public interface.

    A series that the package refuses has no forecast, and one whose intervals it refuses has none;
    the reasons are in `errors`.

    Args:
        tasks: the series.
        without_pretrained: whether the pretrained network is left out.
    """
    forecasts = PanelForecasts.make_empty(tasks)
    selection = SelectionSettings(without_pretrained=without_pretrained)
    _predict_frame(tasks[0], selection)  # imports and caches are not timed
    for index, task in enumerate(tasks):
        start = time.process_time()
        try:
            table, forecasts.errors[index] = _predict_frame(task, selection)
        except InputError as error:
            forecasts.errors[index] = str(error)
            continue
        except Exception as error:
            error.add_note(f"series {task.name}, origin {task.origin}")
            raise
        forecasts.seconds[index] = time.process_time() - start
        forecasts.mean[index, : task.horizon] = table["y"]
        for number, level in enumerate(LEVELS):
            if f"y-lo-{level}" in table:
                forecasts.lower[index, number, : task.horizon] = table[f"y-lo-{level}"]
                forecasts.upper[index, number, : task.horizon] = table[f"y-hi-{level}"]
    return forecasts


def _predict_frame(task: PanelTask, selection: SelectionSettings) -> tuple[pd.DataFrame, str]:
    """Return a forecast, and why it has no intervals ("" if it has them)."""
    frame = pd.DataFrame({"ds": task.dates, "y": task.values})
    forecaster = Forecaster(task.horizon, selection=selection).fit(frame)
    try:
        return forecaster.predict(level=LEVELS), ""
    except InputError as error:
        return forecaster.predict(), str(error)


def forecast_seasonal_naive(tasks: Sequence[PanelTask]) -> PanelForecasts:
    """Repeat the last season, with normal intervals.

    Their standard deviation is the root mean square of the seasonal differences times the root of
    the number of seasons ahead (Hyndman and Athanasopoulos, "Forecasting: Principles and Practice",
    section 5.5). SeasonalNaive of statsforecast is the same.
    """
    forecasts = PanelForecasts.make_empty(tasks)
    for index, task in enumerate(tasks):
        start, history, season = time.process_time(), task.history, task.season
        if len(history) <= season:
            forecasts.errors[index] = "shorter than a season"
            continue
        mean = np.resize(history[-season:], task.horizon)
        squares = (history[season:] - history[:-season]) ** 2
        spread = np.sqrt(squares.mean() * (1 + np.arange(task.horizon) // season))
        forecasts.mean[index, : task.horizon] = mean
        for number, level in enumerate(LEVELS):
            width = NormalDist().inv_cdf(0.5 + level / 200) * spread
            forecasts.lower[index, number, : task.horizon] = mean - width
            forecasts.upper[index, number, : task.horizon] = mean + width
        forecasts.seconds[index] = time.process_time() - start
    return forecasts
