from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import Moment, Shift
from revin_forecast.shift.generators.drawn import row_from_start, stream
from revin_forecast.shift.world import World

HEIGHT = 8.0
"""In training deviations."""


@dataclass(frozen=True)
class Spikes(Shift):
    """Single wrong readings: a share of them is 8 deviations too high or too low."""

    semantics = "observation"
    reversible = False
    knobs = (0.0, 0.0025, 0.005, 0.01, 0.02, 0.04)

    def moved(self, world: World, at: Moment, knob: float, draw: np.random.Generator) -> np.ndarray:
        """Return the values with spikes."""
        # One number for each reading: its size says whether there is a spike, its sign which way.
        size = (world.steps, world.channels)
        number = world.once((self.name, stream(draw)), lambda: draw.uniform(-1, 1, size))
        number = number[row_from_start(world, at.rows)]
        return world.values[at.rows] + HEIGHT * np.sign(number) * (np.abs(number) < knob)
