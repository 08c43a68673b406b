from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import ShiftOnset, Shift
from revin_forecast.shift.generators.drawn import rows_since_start, draw_key
from revin_forecast.shift.generators.variant import simulate_variant_rows
from revin_forecast.shift.world import ShiftDataset


@dataclass(frozen=True)
class Noise(Shift):
    """Noise of (1 + S) times the deviation: signal + (1 + S) e.

    Where signal and noise can't be told apart, independent N(0, ((1 + S)^2 - 1) s^2) is added,
    which makes the variance of the noise the same. s is `World.residual_deviation`.
    """

    has_transition = True

    def apply(self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator) -> np.ndarray:
        """Return the noisier process, or the values with noise added."""
        noisier = simulate_variant_rows(dataset, self.name, knob, onset.rows)
        if noisier is not None:
            return noisier
        size = (dataset.steps, dataset.channels)
        noise = dataset.cached((self.name, draw_key(rng)), lambda: rng.standard_normal(size))
        deviation = np.sqrt((1 + knob) ** 2 - 1) * dataset.residual_deviation
        return dataset.values[onset.rows] + deviation * noise[rows_since_start(dataset, onset.rows)]
