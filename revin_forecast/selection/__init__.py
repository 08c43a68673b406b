"""Choose look-back, normalizer and model on rolling validation windows."""

from revin_forecast.selection.candidates import centring_of
from revin_forecast.selection.seasonality import calendar_seasons, detect_seasons
from revin_forecast.selection.select import SelectionResult, select_model
from revin_forecast.selection.selector import EvaluatedCandidate, SelectionTask, Selector
from revin_forecast.selection.settings import SelectionSettings

__all__ = [
    "EvaluatedCandidate",
    "SelectionResult",
    "SelectionSettings",
    "SelectionTask",
    "Selector",
    "calendar_seasons",
    "centring_of",
    "detect_seasons",
    "select_model",
]
