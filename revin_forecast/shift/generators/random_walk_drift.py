from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import AffineShift, Moment
from revin_forecast.shift.generators.drawn import row_from_start, stream
from revin_forecast.shift.world import World


@dataclass(frozen=True)
class RandomWalkDrift(AffineShift):
    """A level that starts to wander: x' = x + sum of e_j from the onset on, e ~ N(0, q^2).

    q = S / sqrt(W), so that the deviation after one window of W steps is S. A step belongs to its
    row, whenever the walk sets in: windows that are moved one by one do not share one path. The
    path is known and can be taken off a forecast, but nobody can forecast its steps: of the error
    that is not pulled back, q^2 h is irreducible.
    """

    label = "random_walk"
    has_transition = True

    def affine(
        self, world: World, at: Moment, knob: float, draw: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and the path since the onset, (..., time, channels)."""
        walk = world.once((self.name, stream(draw)), lambda: _walk(world, draw))
        onset = row_from_start(world, at.rows - at.elapsed)
        path = walk[row_from_start(world, at.rows) + 1] - walk[onset]
        return np.ones(1), knob / np.sqrt(world.width) * path


def _walk(world: World, draw: np.random.Generator) -> np.ndarray:
    """Return (steps + 1, channels): the sum of the steps before each row."""
    steps = draw.standard_normal((world.steps, world.channels))
    return np.concatenate([np.zeros((1, world.channels)), np.cumsum(steps, axis=0)])
