"""From a series to a fitted model: one that is named, or one that is chosen."""

from revin_forecast.fits.automatic import fit_auto
from revin_forecast.fits.named import choose_default_lookback, fit_memory_mapped, fit_specified
from revin_forecast.fits.plan import ForecasterConfig, find_memory_map_obstacle

__all__ = [
    "ForecasterConfig",
    "choose_default_lookback",
    "fit_auto",
    "fit_memory_mapped",
    "fit_specified",
    "find_memory_map_obstacle",
]
