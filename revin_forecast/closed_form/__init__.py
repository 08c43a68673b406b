"""Least squares over all windows, in closed form."""

from revin_forecast.closed_form.complete import complete_moments, share_complete
from revin_forecast.closed_form.fit import RidgeFit, fit_ridge
from revin_forecast.closed_form.gram import WindowMoments, window_moments
from revin_forecast.closed_form.profile import Deseasonalized, seasonal_profile
from revin_forecast.closed_form.scoring import ridge_mse
from revin_forecast.closed_form.sums import WindowSums, window_equations
from revin_forecast.closed_form.sweep import sweep_ridge
from revin_forecast.closed_form.swept import Sweep, Swept

__all__ = [
    "Deseasonalized",
    "RidgeFit",
    "Sweep",
    "Swept",
    "WindowMoments",
    "WindowSums",
    "complete_moments",
    "fit_ridge",
    "ridge_mse",
    "seasonal_profile",
    "share_complete",
    "sweep_ridge",
    "window_equations",
    "window_moments",
]
