"""Metrics of forecasts: pure functions of (batch, horizon, channels) that skip unobserved targets.

A target is observed where it is finite and `observed`, if passed, is True. Each mean is over the
observed targets. A batch without any gives 0 with zero gradient, so that it neither changes nor
corrupts a model in training. A non-finite forecast of an observed target makes the result
non-finite. Sums are in float32 for half precision, else in the dtype of the tensors: average many
batches in Python floats or float64.
"""

from revin_forecast.metrics.means import (
    coverage,
    crps,
    mae,
    mase,
    mse,
    quantile_loss,
    rmse,
    smape,
    wql,
)
from revin_forecast.metrics.seasonal_scale import seasonal_scale

__all__ = [
    "coverage",
    "crps",
    "mae",
    "mase",
    "mse",
    "quantile_loss",
    "rmse",
    "seasonal_scale",
    "smape",
    "wql",
]
