from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import Moment, Shift
from revin_forecast.shift.generators.regime import SHARES
from revin_forecast.shift.generators.variant import has_variant, variant_rows
from revin_forecast.shift.world import World


@dataclass(frozen=True)
class Channels(Shift):
    """Other relations between the channels, each of which goes on as it was.

    A share of the channels is turned in time by more than one window, each by its own lag, with
    the rows from the first test look-back on as a circle: every value and its neighbours stay.
    """

    knobs = SHARES

    def moved(self, world: World, at: Moment, knob: float, draw: np.random.Generator) -> np.ndarray:
        """Return the process with other correlations, or the values, some channels turned."""
        other = variant_rows(world, self.name, knob, at.rows)
        if other is not None:
            return other
        moved = world.values[at.rows]
        place = at.rows - world.start
        for channel, lag in enumerate(_lags(world, knob, draw)):
            if lag:
                rows = world.start + (place + lag) % world.steps
                moved[..., channel] = world.values[rows, channel]
        return moved

    def excluded(self, world: World) -> str | None:
        """Return what is missing: a second channel, or rows to turn."""
        if world.channels < 2:
            return "needs two channels"
        if has_variant(world, self.name, self.knobs[-1]) or world.steps > 2 * world.width + 1:
            return None
        return (
            f"needs more than two windows of test rows to turn: {2 * world.width + 2} with the "
            f"look-back, but got {world.steps}"
        )


def _lags(world: World, share: float, draw: np.random.Generator) -> np.ndarray:
    """Return (channels,) int: by how much each is turned; 0 for those that stay."""
    lags = draw.integers(world.width + 1, world.steps - world.width, size=world.channels)
    rank = draw.permutation(world.channels)
    return np.where(rank < max(1, round(share * world.channels)), lags, 0)
