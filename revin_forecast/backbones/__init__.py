"""Forecasters of windows: one model a file, one contract for all."""

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.linear import DLinear, Linear
from revin_forecast.backbones.naive import Repeat, SeasonalNaive
from revin_forecast.backbones.ridge import Ridge

__all__ = ["Backbone", "DLinear", "Linear", "Repeat", "Ridge", "SeasonalNaive"]
