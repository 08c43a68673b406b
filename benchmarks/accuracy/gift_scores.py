"""Scores of quantile forecasts as GIFT-Eval computes them, and its seasonal naive forecast."""

from statistics import NormalDist

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.accuracy.gift_tasks import LEVELS, LoadedTask
from benchmarks.evidence import Row
from revin_forecast.metrics import wql

Quantiles = Float[Tensor, "windows horizon series levels"]


def score_quantiles(forecast: Quantiles, loaded: LoadedTask) -> Row:
    """Return MASE of the median and the weighted quantile loss.

    MASE is the mean over windows and series of the mean absolute error, divided by the mean
    absolute seasonal change of the series before the window. The quantile loss is the mean over
    levels of 2 sum(pinball) / sum |truth|, with both sums over everything.
    """
    return {
        "MASE": score_point_forecast(forecast[..., LEVELS.index(0.5)], loaded),
        "WQL": float(wql(forecast, loaded.truth, LEVELS)),
    }


def score_point_forecast(
    forecast: Float[Tensor, "windows horizon series"], loaded: LoadedTask
) -> float:
    """Return MASE."""
    return float(((forecast - loaded.truth).abs() / loaded.scale).mean())


def forecast_seasonal_naive(loaded: LoadedTask) -> Quantiles:
    """Return the last season, with normal quantiles from the seasonal changes before each window.

    The deviation grows with the root of the number of seasons ahead (Hyndman and Athanasopoulos,
    Forecasting: Principles and Practice, 2021, section 5.5).
    """
    season, horizon = loaded.task.season, loaded.task.horizon
    values = torch.from_numpy(loaded.series.values)
    steps = torch.arange(horizon)
    growth = (steps // season + 1).sqrt().reshape(-1, 1, 1)
    normal = torch.tensor([NormalDist().inv_cdf(level) for level in LEVELS], dtype=values.dtype)
    forecasts = []
    for origin in loaded.origins:
        past = values[:origin]
        deviation = (past[season:] - past[:-season]).square().nanmean(0).sqrt()
        median = past[origin - season + steps % season]
        forecasts.append(median.unsqueeze(2) + growth * deviation.unsqueeze(1) * normal)
    return torch.stack(forecasts)
