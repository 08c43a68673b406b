"""Forecasts of the GIFT-Eval tasks by the default forecaster and by a closed-form sweep."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.accuracy.gift_scores import Quantiles
from benchmarks.accuracy.gift_tasks import LEVELS, LoadedTask
from revin_forecast import Forecaster
from revin_forecast.closed_form.sweep import sweep_ridge
from revin_forecast.closed_form.sweep_result import SweepGrid
from revin_forecast.data.scaling import Standardizer
from revin_forecast.models.reversible import Reversible
from revin_forecast.selection.settings import SelectionSettings

BUDGET_SECONDS = 600.0
"""Time budget of the default, so large that a busy machine leaves out no candidate."""


@dataclass(frozen=True, eq=False)
class DefaultForecasts:
    """Quantiles of the default forecaster."""

    quantiles: Quantiles
    fit_seconds: float
    """Processor seconds of selecting and fitting."""


def forecast_default(loaded: LoadedTask) -> DefaultForecasts:
    """Fit the default once, on the rows before the first window, and forecast every window.

    Each forecast sees the rows of its look-back up to the window.
    """
    series = loaded.series
    selection = SelectionSettings(budget=BUDGET_SECONDS)
    forecaster = Forecaster(loaded.task.horizon, selection=selection)
    start = time.process_time()
    forecaster.fit(series.slice_rows(0, loaded.origins[0]))
    seconds = time.process_time() - start
    columns = [[f"{name}-q-{round(100 * level)}" for level in LEVELS] for name in series.names]
    windows = []
    for origin in loaded.origins:
        table = forecaster.predict(series.slice_rows(0, origin), quantiles=LEVELS)
        windows.append(np.stack([table[names].to_numpy() for names in columns], axis=1))
    return DefaultForecasts(torch.from_numpy(np.stack(windows)), seconds)


@torch.no_grad()
def forecast_closed_form(loaded: LoadedTask) -> Tensor:
    """Return forecasts (windows, horizon, series) of the maps that a sweep selects and solves.

    Each series may change the shared map. Every series needs all rows.
    """
    first, horizon = loaded.origins[0], loaded.task.horizon
    grid = SweepGrid(horizons=(horizon,), per_channel=True)
    standardizer = Standardizer.fit(loaded.series.values[:first])
    values = torch.from_numpy(standardizer.transform(loaded.series.values))
    model = sweep_ridge(values[:first], grid).solve(values[:first])[horizon]
    assert isinstance(model, Reversible)  # neither a season nor a transformation was tried
    lookback = model.backbone.lookback
    assert isinstance(lookback, int)  # the backbone is a Ridge
    past = torch.stack([values[origin - lookback : origin] for origin in loaded.origins])
    return torch.from_numpy(standardizer.inverse_transform(model(past.float()).double().numpy()))
