"""Shifts of the seasonal profile that the training rows have."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import AffineShift, Moment
from revin_forecast.shift.world import World


@dataclass(frozen=True)
class Phase(AffineShift):
    """A season that comes earlier: x' = x - p(t) + p(t + D), with p the training mean profile.

    D is a share of the season; between steps p is interpolated linearly.
    """

    knobs = (0.0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
    has_transition = True

    def affine(
        self, world: World, at: Moment, knob: float, draw: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset p(t + D) - p(t), (..., time, channels)."""
        place = np.arange(world.season) + knob * world.season
        low = np.floor(place).astype(int)
        part = (place - low)[:, None]
        early, late = world.profile[low % world.season], world.profile[(low + 1) % world.season]
        change = (1 - part) * early + part * late - world.profile
        return np.ones(1), change[at.rows % world.season]

    def excluded(self, world: World) -> str | None:
        """Return that there is no season, if there is none."""
        return needs_season(world)


@dataclass(frozen=True)
class Amplitude(AffineShift):
    """A stronger season: x' = x + S p(t), with p the training mean profile; S = g - 1."""

    has_transition = True

    def affine(
        self, world: World, at: Moment, knob: float, draw: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset S p(t), (..., time, channels)."""
        return np.ones(1), knob * world.profile[at.rows % world.season]

    def excluded(self, world: World) -> str | None:
        """Return that there is no season, if there is none."""
        return needs_season(world)


def needs_season(world: World) -> str | None:
    """Return a reason for data without a season."""
    return "needs a season of two steps or more" if world.season < 2 else None
