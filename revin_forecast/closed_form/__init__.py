"""Least squares over all windows, in closed form."""

from revin_forecast.closed_form.complete import complete_moments, share_complete
from revin_forecast.closed_form.fit import RidgeFit, fit_ridge
from revin_forecast.closed_form.gram import WindowMoments, window_moments

__all__ = [
    "RidgeFit",
    "WindowMoments",
    "complete_moments",
    "fit_ridge",
    "share_complete",
    "window_moments",
]
