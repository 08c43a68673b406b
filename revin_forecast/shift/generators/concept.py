"""Other dependence between past and future, with the marginal distribution about the same."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import AffineShift, Moment, Shift
from revin_forecast.shift.generators.regime import SHARES
from revin_forecast.shift.generators.variant import variant_rows
from revin_forecast.shift.means import observed_deviation
from revin_forecast.shift.world import World


@dataclass(frozen=True)
class ConceptFilter(Shift):
    """Weaker memory: z' = (z_t - c z_{t-1}) / s, with s that makes the training deviation 1.

    A process that can takes other parameters instead, at the same variance.
    """

    label = "concept"
    arm = "filter"
    knobs = SHARES
    has_transition = True

    def moved(self, world: World, at: Moment, knob: float, draw: np.random.Generator) -> np.ndarray:
        """Return the other process, or the values filtered."""
        other = variant_rows(world, self.name, knob, at.rows)
        if other is not None:
            return other
        scale = world.once(("filter", knob), lambda: _scale(world, knob))
        before = world.values[np.maximum(at.rows - 1, 0)]
        return (world.values[at.rows] - knob * before) / scale


@dataclass(frozen=True)
class ConceptReversal(Shift):
    """Time that runs backwards: the rows from the first test look-back on, last first."""

    label = "concept"
    arm = "reversal"
    knobs = (0.0, 1.0)
    has_transition = True

    def variant_knob(self, severity: int) -> float:
        """Return 0, no change: a stationary Gaussian process is the same in both directions."""
        return 0.0

    def moved(self, world: World, at: Moment, knob: float, draw: np.random.Generator) -> np.ndarray:
        """Return the values of the mirrored rows."""
        return world.values[world.start + len(world.values) - 1 - at.rows]


@dataclass(frozen=True)
class ConceptReflection(AffineShift):
    """A world upside down: x' = -x. Affine, but not of those with a > 0."""

    label = "concept"
    arm = "reflection"
    knobs = (0.0, 1.0)
    has_transition = True

    def affine(
        self, world: World, at: Moment, knob: float, draw: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain -1 and offset 0."""
        return np.array([-1.0]), np.zeros(1)


def _scale(world: World, share: float) -> np.ndarray:
    """Return (channels,): the deviation of z_t - c z_{t-1} over the training rows; 1 where 0."""
    deviation = observed_deviation(world.training[1:] - share * world.training[:-1])
    return np.where(deviation > 0, deviation, 1)
