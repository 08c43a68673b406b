"""A sensor that reads wrongly while the world goes on as it was."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import AffineShift, ShiftOnset
from revin_forecast.shift.generators.drawn import random_signs
from revin_forecast.shift.generators.scale import GAIN_ARMS, check_arm, gain_factor
from revin_forecast.shift.world import ShiftDataset


@dataclass(frozen=True)
class SensorOffset(AffineShift):
    """Readings that are S too high or too low, by a coin for each channel."""

    semantics = "observation"

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset +-S, (channels,)."""
        return np.ones(1), knob * random_signs(dataset, rng)


@dataclass(frozen=True)
class SensorGain(AffineShift):
    """Readings that are too large by the factor 1 + S, or too small by it in the arm "down"."""

    arm: str = "up"

    semantics = "observation"

    def __post_init__(self) -> None:
        check_arm(self.arm, GAIN_ARMS)

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the gain, and offset 0."""
        return np.array([gain_factor(self.arm, knob)]), np.zeros(1)
