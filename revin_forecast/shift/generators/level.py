from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import AffineShift, Moment
from revin_forecast.shift.generators.drawn import signs
from revin_forecast.shift.world import World


@dataclass(frozen=True)
class Level(AffineShift):
    """A jump of the level: x' = x + S or x - S, by a coin for each channel."""

    has_transition = True
    equivariant = True

    def affine(
        self, world: World, at: Moment, knob: float, draw: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset +-S, (channels,)."""
        return np.ones(1), knob * signs(world, draw)
