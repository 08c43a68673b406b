"""Processes with a known best forecast: one a file."""

from revin_forecast.shift.sources.autoregression import AR
from revin_forecast.shift.sources.base import Process
from revin_forecast.shift.sources.level_dependent import LevelDependent
from revin_forecast.shift.sources.random_walk import RandomWalk
from revin_forecast.shift.sources.regime_switching import RegimeSwitching
from revin_forecast.shift.sources.sine_mixture import SineMixture

PROCESSES: dict[str, Process] = {
    "sine": SineMixture(),
    "ar": AR(correlation=0.6),
    "random_walk": RandomWalk(),
    "regime": RegimeSwitching(),
    "level_dependent": LevelDependent(),
}
"""Synthetic data sets by name."""

__all__ = [
    "AR",
    "PROCESSES",
    "LevelDependent",
    "RandomWalk",
    "RegimeSwitching",
    "SineMixture",
    "Process",
]
