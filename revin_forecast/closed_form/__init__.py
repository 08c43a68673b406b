"""Exact least squares over all windows of a table, in closed form."""

from revin_forecast.closed_form.fit_ridge import RidgeFit, fit_ridge, ridge_mse
from revin_forecast.closed_form.gap_free_windows import gap_free_moments, gap_free_share
from revin_forecast.closed_form.gram import WindowMoments, window_moments
from revin_forecast.closed_form.seasonal_profile import DeseasonalizedModel, seasonal_profile
from revin_forecast.closed_form.sweep import sweep_ridge
from revin_forecast.closed_form.sweep_result import SweepGrid, SweepResult
from revin_forecast.closed_form.window_sums import WindowSums, window_equations

__all__ = [
    "DeseasonalizedModel",
    "RidgeFit",
    "SweepGrid",
    "SweepResult",
    "WindowMoments",
    "WindowSums",
    "fit_ridge",
    "gap_free_moments",
    "gap_free_share",
    "ridge_mse",
    "seasonal_profile",
    "sweep_ridge",
    "window_equations",
    "window_moments",
]
