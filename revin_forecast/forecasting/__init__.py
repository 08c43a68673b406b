"""Fit a model to a series: the one the user names, or one selected automatically."""

from revin_forecast.forecasting.fit_auto import fit_auto
from revin_forecast.forecasting.fit_specified import (
    choose_default_lookback,
    fit_memory_mapped,
    fit_specified,
)
from revin_forecast.forecasting.forecaster_config import ForecasterConfig, find_memory_map_obstacle

__all__ = [
    "ForecasterConfig",
    "choose_default_lookback",
    "find_memory_map_obstacle",
    "fit_auto",
    "fit_memory_mapped",
    "fit_specified",
]
