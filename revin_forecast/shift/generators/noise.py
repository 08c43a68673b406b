from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import Moment, Shift
from revin_forecast.shift.generators.drawn import row_from_start, stream
from revin_forecast.shift.generators.variant import variant_rows
from revin_forecast.shift.world import World


@dataclass(frozen=True)
class Noise(Shift):
    """Noise of (1 + S) times the deviation: signal + (1 + S) e.

    Where signal and noise can't be told apart, independent N(0, ((1 + S)^2 - 1) s^2) is added,
    which makes the variance of the noise the same. s is `World.residual_deviation`.
    """

    has_transition = True

    def moved(self, world: World, at: Moment, knob: float, draw: np.random.Generator) -> np.ndarray:
        """Return the noisier process, or the values with noise added."""
        noisier = variant_rows(world, self.name, knob, at.rows)
        if noisier is not None:
            return noisier
        size = (world.steps, world.channels)
        noise = world.once((self.name, stream(draw)), lambda: draw.standard_normal(size))
        deviation = np.sqrt((1 + knob) ** 2 - 1) * world.residual_deviation
        return world.values[at.rows] + deviation * noise[row_from_start(world, at.rows)]
