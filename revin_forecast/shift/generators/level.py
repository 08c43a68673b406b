from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import AffineShift, ShiftOnset
from revin_forecast.shift.generators.drawn import random_signs
from revin_forecast.shift.world import ShiftDataset


@dataclass(frozen=True)
class Level(AffineShift):
    """A jump of the level: x' = x + S or x - S, by a coin for each channel."""

    has_transition = True
    is_equivariant = True

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset +-S, (channels,)."""
        return np.ones(1), knob * random_signs(dataset, rng)
