"""Least squares over all windows, in closed form."""

from revin_forecast.closed_form.complete import gap_free_moments, gap_free_share
from revin_forecast.closed_form.fit import RidgeFit, fit_ridge
from revin_forecast.closed_form.gram import WindowMoments, window_moments
from revin_forecast.closed_form.profile import DeseasonalizedModel, seasonal_profile
from revin_forecast.closed_form.scoring import ridge_mse
from revin_forecast.closed_form.sums import WindowSums, window_equations
from revin_forecast.closed_form.sweep import sweep_ridge
from revin_forecast.closed_form.swept import SweepGrid, SweepResult

__all__ = [
    "DeseasonalizedModel",
    "RidgeFit",
    "SweepGrid",
    "SweepResult",
    "WindowMoments",
    "WindowSums",
    "gap_free_moments",
    "fit_ridge",
    "ridge_mse",
    "seasonal_profile",
    "gap_free_share",
    "sweep_ridge",
    "window_equations",
    "window_moments",
]
