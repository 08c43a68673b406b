"""What a shift draws at random, once for each seed."""

import numpy as np

from revin_forecast.shift.world import World


def signs(world: World, draw: np.random.Generator) -> np.ndarray:
    """Return (channels,) of -1 or +1."""
    return draw.choice((-1.0, 1.0), size=world.channels)


def stream(draw: np.random.Generator) -> int:
    """Return a number that stands for everything a fresh generator will draw.

    It is the first that is drawn: data set, shift and seed are all in it.
    """
    return int(draw.integers(2**63))


def row_from_start(world: World, rows: np.ndarray) -> np.ndarray:
    """Return row numbers counted from the first test look-back; 0 for what lies before it."""
    return np.maximum(rows - world.start, 0)
