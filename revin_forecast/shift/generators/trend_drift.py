from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import AffineShift, Moment
from revin_forecast.shift.generators.drawn import signs
from revin_forecast.shift.world import World


@dataclass(frozen=True)
class TrendDrift(AffineShift):
    """A trend that sets in: x' = x + k u after u steps, with k = +-S / W for windows of W steps.

    S is the drift within one window; over a whole test part it adds up to many times that.
    """

    label = "trend"
    has_transition = True

    def affine(
        self, world: World, at: Moment, knob: float, draw: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset k u, (..., time, channels)."""
        slope = knob / world.width * signs(world, draw)
        return np.ones(1), at.elapsed[..., None] * slope
