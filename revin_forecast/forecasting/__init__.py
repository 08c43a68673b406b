"""From a series to a fitted model: one that is named, or one that is chosen."""

from revin_forecast.forecasting.fit_auto import fit_auto
from revin_forecast.forecasting.fit_specified import (
    choose_default_lookback,
    fit_memory_mapped,
    fit_specified,
)
from revin_forecast.forecasting.plan import ForecasterConfig, find_memory_map_obstacle

__all__ = [
    "ForecasterConfig",
    "choose_default_lookback",
    "find_memory_map_obstacle",
    "fit_auto",
    "fit_memory_mapped",
    "fit_specified",
]
