"""Least squares over all windows, in closed form."""

from revin_forecast.closed_form.fit import RidgeFit, fit_ridge
from revin_forecast.closed_form.gram import WindowMoments, window_moments

__all__ = ["RidgeFit", "WindowMoments", "fit_ridge", "window_moments"]
