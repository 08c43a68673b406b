"""Synthetic processes whose best possible forecast is known."""

from revin_forecast.shift.processes.autoregression import AR
from revin_forecast.shift.processes.base import Process
from revin_forecast.shift.processes.level_dependent import LevelDependent
from revin_forecast.shift.processes.random_walk import RandomWalk
from revin_forecast.shift.processes.regime_switching import RegimeSwitching
from revin_forecast.shift.processes.sine_mixture import SineMixture

PROCESSES: dict[str, Process] = {
    "sine": SineMixture(),
    "ar": AR(correlation=0.6),
    "random_walk": RandomWalk(),
    "regime": RegimeSwitching(),
    "level_dependent": LevelDependent(),
}
"""Synthetic data sets by name in a suite."""
