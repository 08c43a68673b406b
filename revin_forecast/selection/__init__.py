"""Choose look-back, normalizer and model on rolling validation windows."""

from revin_forecast.selection.candidates import centre_of
from revin_forecast.selection.choice import Choice, choose
from revin_forecast.selection.seasons import calendar_seasons, find_seasons
from revin_forecast.selection.selector import Selector, Task, Tried
from revin_forecast.selection.settings import Selection

__all__ = [
    "Choice",
    "Selection",
    "Selector",
    "Task",
    "Tried",
    "calendar_seasons",
    "centre_of",
    "choose",
    "find_seasons",
]
