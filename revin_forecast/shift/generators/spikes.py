from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import ShiftOnset, Shift
from revin_forecast.shift.generators.drawn import rows_since_start, draw_key
from revin_forecast.shift.world import ShiftDataset

SPIKE_DEVIATIONS = 8.0
"""In training deviations."""


@dataclass(frozen=True)
class Spikes(Shift):
    """Single wrong readings: a share of them is 8 deviations too high or too low."""

    semantics = "observation"
    is_correctable = False
    knobs = (0.0, 0.0025, 0.005, 0.01, 0.02, 0.04)

    def apply(self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator) -> np.ndarray:
        """Return the values with spikes."""
        # One number for each reading: its size says whether there is a spike, its sign which way.
        size = (dataset.steps, dataset.channels)
        number = dataset.cached((self.name, draw_key(rng)), lambda: rng.uniform(-1, 1, size))
        number = number[rows_since_start(dataset, onset.rows)]
        return dataset.values[onset.rows] + SPIKE_DEVIATIONS * np.sign(number) * (np.abs(number) < knob)
