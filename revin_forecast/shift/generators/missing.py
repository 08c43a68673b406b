from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import Moment, Shift
from revin_forecast.shift.generators.drawn import row_from_start, stream
from revin_forecast.shift.generators.scale import check_arm
from revin_forecast.shift.world import World

ARMS = ("nan", "ffill", "zero")


@dataclass(frozen=True)
class Missing(Shift):
    """Readings that are missing, in blocks of a mean length of L / 8 steps.

    Blocks of geometric length tile the rows from the first test look-back on, and a share of them,
    chosen for each channel, is lost. Arms say what stands there instead: NaN; "ffill" the last
    reading before, however old; "zero" the training mean.
    """

    arm: str = "nan"

    semantics = "observation"
    reversible = False
    knobs = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6)

    def __post_init__(self) -> None:
        check_arm(self.arm, ARMS)

    def moved(self, world: World, at: Moment, knob: float, draw: np.random.Generator) -> np.ndarray:
        """Return the values with gaps, filled as the arm says."""
        seed = stream(draw)
        number = world.once((self.name, seed), lambda: _numbers(world, draw))
        if self.arm == "ffill":
            key = (self.name, seed, self.arm, knob)
            filled = world.once(key, lambda: _filled(world, number < knob))
            return filled[row_from_start(world, at.rows)]
        lost = number[row_from_start(world, at.rows)] < knob
        return np.where(lost, np.nan if self.arm == "nan" else 0.0, world.values[at.rows])


def _numbers(world: World, draw: np.random.Generator) -> np.ndarray:
    """Return (steps, channels): one number in [0, 1) for each block and channel."""
    begins = draw.random(world.steps) < min(1.0, 8 / world.lookback)
    block = np.cumsum(begins)
    return draw.random((block[-1] + 1, world.channels))[block]


def _filled(world: World, lost: np.ndarray) -> np.ndarray:
    """Return (steps, channels): the last reading before, where one is lost."""
    segment = world.values[world.start :]
    readings = np.concatenate([_last_observed(world)[None], segment])
    kept = np.concatenate([np.ones((1, world.channels), bool), np.isfinite(segment) & ~lost])
    source = np.where(kept, np.arange(len(kept))[:, None], 0)
    source = np.maximum.accumulate(source, axis=0)
    filled = np.take_along_axis(readings, source, axis=0)[1:]
    return np.where(lost, filled, segment)


def _last_observed(world: World) -> np.ndarray:
    """Return (channels,): the last reading before the first test look-back; NaN: there is none."""
    before = world.values[: world.start]
    if len(before) == 0:
        return np.full(world.channels, np.nan)
    age = np.argmax(np.isfinite(before[::-1]), axis=0)
    return before[len(before) - 1 - age, np.arange(world.channels)]
