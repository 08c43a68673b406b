"""From a series to a fitted model: one that is named, or one that is chosen."""

from revin_forecast.fits.automatic import fit_automatically
from revin_forecast.fits.named import default_lookback, fit_mapped, fit_named
from revin_forecast.fits.plan import Plan, why_not_mapped

__all__ = [
    "Plan",
    "default_lookback",
    "fit_automatically",
    "fit_mapped",
    "fit_named",
    "why_not_mapped",
]
