"""Shifts of the seasonal profile of the training rows."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.shift import AffineShift, ShiftOnset


@dataclass(frozen=True)
class Phase(AffineShift):
    """An earlier season: x' = x - p(t) + p(t + D), with p the mean seasonal profile in training.

    D is a share of the season; between steps p is interpolated linearly.
    """

    knobs = (0.0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
    largest_knob = 1.0
    has_transition = True

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset p(t + D) - p(t), (..., time, channels)."""
        phase = np.arange(dataset.season) + knob * dataset.season
        low = np.floor(phase).astype(int)
        part = (phase - low)[:, None]
        early, late = (
            dataset.seasonal_profile[low % dataset.season],
            dataset.seasonal_profile[(low + 1) % dataset.season],
        )
        change = (1 - part) * early + part * late - dataset.seasonal_profile
        return np.ones(1), change[onset.rows % dataset.season]

    def exclusion_reason(self, dataset: ShiftDataset) -> str | None:
        """Return the reason if a data set has no season."""
        return missing_season_reason(dataset)


@dataclass(frozen=True)
class Amplitude(AffineShift):
    """A stronger season: x' = x + S p(t), with p the mean seasonal profile in training."""

    has_transition = True

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset S p(t), (..., time, channels)."""
        return np.ones(1), knob * dataset.seasonal_profile[onset.rows % dataset.season]

    def exclusion_reason(self, dataset: ShiftDataset) -> str | None:
        """Return the reason if a data set has no season."""
        return missing_season_reason(dataset)


def missing_season_reason(dataset: ShiftDataset) -> str | None:
    """Return the reason for a data set without a season; None if it has one."""
    return "needs a season of two steps or more" if dataset.season < 2 else None
