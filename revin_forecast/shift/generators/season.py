"""Shifts of the seasonal profile that the training rows have."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.shift import AffineShift, ShiftOnset


@dataclass(frozen=True)
class Phase(AffineShift):
    """A season that comes earlier: x' = x - p(t) + p(t + D), with p the training mean profile.

    D is a share of the season; between steps p is interpolated linearly.
    """

    knobs = (0.0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
    has_transition = True

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset p(t + D) - p(t), (..., time, channels)."""
        place = np.arange(dataset.season) + knob * dataset.season
        low = np.floor(place).astype(int)
        part = (place - low)[:, None]
        early, late = (
            dataset.seasonal_profile[low % dataset.season],
            dataset.seasonal_profile[(low + 1) % dataset.season],
        )
        change = (1 - part) * early + part * late - dataset.seasonal_profile
        return np.ones(1), change[onset.rows % dataset.season]

    def exclusion_reason(self, dataset: ShiftDataset) -> str | None:
        """Return that there is no season, if there is none."""
        return missing_season_reason(dataset)


@dataclass(frozen=True)
class Amplitude(AffineShift):
    """A stronger season: x' = x + S p(t), with p the training mean profile; S = g - 1."""

    has_transition = True

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset S p(t), (..., time, channels)."""
        return np.ones(1), knob * dataset.seasonal_profile[onset.rows % dataset.season]

    def exclusion_reason(self, dataset: ShiftDataset) -> str | None:
        """Return that there is no season, if there is none."""
        return missing_season_reason(dataset)


def missing_season_reason(dataset: ShiftDataset) -> str | None:
    """Return a reason for data without a season."""
    return "needs a season of two steps or more" if dataset.season < 2 else None
