"""Processes with a known best forecast: one a file."""

from revin_forecast.shift.sources.autoregression import AR
from revin_forecast.shift.sources.base import Source
from revin_forecast.shift.sources.level_dependent import LevelDependent
from revin_forecast.shift.sources.random_walk import RandomWalk
from revin_forecast.shift.sources.regime_switching import RegimeSwitching
from revin_forecast.shift.sources.sine_mixture import SineMixture

SOURCES: dict[str, Source] = {
    "sine": SineMixture(),
    "ar": AR(correlation=0.6),
    "random_walk": RandomWalk(),
    "regime": RegimeSwitching(),
    "level_dependent": LevelDependent(),
}
"""Synthetic data sets by name."""

__all__ = [
    "AR",
    "SOURCES",
    "LevelDependent",
    "RandomWalk",
    "RegimeSwitching",
    "SineMixture",
    "Source",
]
