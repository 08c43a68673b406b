"""Forecasters of windows: one model a file, one contract for all."""

from revin_forecast.backbones.base import Backbone, FactorBackbone
from revin_forecast.backbones.linear import DLinear, Linear
from revin_forecast.backbones.naive import Repeat, SeasonalNaive
from revin_forecast.backbones.ridge import Ridge

__all__ = ["Backbone", "DLinear", "FactorBackbone", "Linear", "Repeat", "Ridge", "SeasonalNaive"]
