"""Shifts of the level and of the scale."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.generators.random_draws import random_signs
from revin_forecast.shift.shift import AffineShift, ShiftOnset


@dataclass(frozen=True)
class Level(AffineShift):
    """A level jump: x' = x + S or x - S, with a random sign for each channel."""

    has_transition = True
    is_equivariant = True

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset +-S, (channels,)."""
        return np.ones(1), knob * random_signs(dataset, rng)


GAIN_ARMS = ("up", "down")
"""Arms of a change of scale."""


@dataclass(frozen=True)
class Scale(AffineShift):
    """A change of scale: x' = a x with a = 1 + S, or a = 1 / (1 + S) in the arm "down"."""

    arm: str = "up"

    has_transition = True
    is_equivariant = True

    def __post_init__(self) -> None:
        check_arm(self.arm, GAIN_ARMS)

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the gain, and offset 0."""
        return np.array([gain_factor(self.arm, knob)]), np.zeros(1)


def gain_factor(arm: str, knob: float) -> float:
    """Return 1 + S, or its inverse in the arm "down"."""
    return 1 + knob if arm == "up" else 1 / (1 + knob)


def check_arm(arm: str, arms: tuple[str, ...]) -> None:
    """Raise ValueError if the arm is not one of the shift's arms."""
    if arm not in arms:
        raise ValueError(f"there is no arm {arm!r}. Choose one of {', '.join(arms)}.")
