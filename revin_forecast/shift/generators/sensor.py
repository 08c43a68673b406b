"""A sensor that reads wrongly while the world goes on as it was."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import AffineShift, Moment
from revin_forecast.shift.generators.drawn import signs
from revin_forecast.shift.generators.scale import ARMS, check_arm, gain
from revin_forecast.shift.world import World


@dataclass(frozen=True)
class SensorOffset(AffineShift):
    """Readings that are S too high or too low, by a coin for each channel."""

    semantics = "observation"

    def affine(
        self, world: World, at: Moment, knob: float, draw: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset +-S, (channels,)."""
        return np.ones(1), knob * signs(world, draw)


@dataclass(frozen=True)
class SensorGain(AffineShift):
    """Readings that are too large by the factor 1 + S, or too small by it in the arm "down"."""

    arm: str = "up"

    semantics = "observation"

    def __post_init__(self) -> None:
        check_arm(self.arm, ARMS)

    def affine(
        self, world: World, at: Moment, knob: float, draw: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the gain, and offset 0."""
        return np.array([gain(self.arm, knob)]), np.zeros(1)
