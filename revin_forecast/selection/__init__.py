"""Choose look-back, normalizer and model on rolling validation windows."""

from revin_forecast.selection.candidates import centring_of
from revin_forecast.selection.choice import SelectionResult, select_model
from revin_forecast.selection.seasons import calendar_seasons, detect_seasons
from revin_forecast.selection.selector import Selector, SelectionTask, EvaluatedCandidate
from revin_forecast.selection.settings import SelectionSettings

__all__ = [
    "SelectionResult",
    "SelectionSettings",
    "Selector",
    "SelectionTask",
    "EvaluatedCandidate",
    "calendar_seasons",
    "centring_of",
    "select_model",
    "detect_seasons",
]
