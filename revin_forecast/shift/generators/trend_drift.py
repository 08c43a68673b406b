from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import AffineShift, ShiftOnset
from revin_forecast.shift.generators.drawn import random_signs
from revin_forecast.shift.world import ShiftDataset


@dataclass(frozen=True)
class TrendDrift(AffineShift):
    """A trend that sets in: x' = x + k u after u steps, with k = +-S / W for windows of W steps.

    S is the drift within one window; over a whole test part it adds up to many times that.
    """

    label = "trend"
    has_transition = True

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset k u, (..., time, channels)."""
        slope = knob / dataset.width * random_signs(dataset, rng)
        return np.ones(1), onset.elapsed[..., None] * slope
