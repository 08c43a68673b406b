"""Select look-back, normalizer and model on rolling validation windows."""

from revin_forecast.selection.candidates import EvaluatedCandidate, find_centring
from revin_forecast.selection.seasonality import detect_seasons, list_calendar_seasons
from revin_forecast.selection.select import SelectionResult, select_model
from revin_forecast.selection.selector import Selector
from revin_forecast.selection.settings import SelectionSettings, SelectionTask

__all__ = [
    "EvaluatedCandidate",
    "SelectionResult",
    "SelectionSettings",
    "SelectionTask",
    "Selector",
    "detect_seasons",
    "find_centring",
    "list_calendar_seasons",
    "select_model",
]
