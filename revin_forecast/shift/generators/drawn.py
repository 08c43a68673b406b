"""What a shift draws at random, once for each seed."""

import numpy as np

from revin_forecast.shift.world import ShiftDataset


def random_signs(dataset: ShiftDataset, rng: np.random.Generator) -> np.ndarray:
    """Return (channels,) of -1 or +1."""
    return rng.choice((-1.0, 1.0), size=dataset.channels)


def draw_key(rng: np.random.Generator) -> int:
    """Return a number that stands for everything a fresh generator will draw.

    It is the first that is drawn: data set, shift and seed are all in it.
    """
    return int(rng.integers(2**63))


def rows_since_start(dataset: ShiftDataset, rows: np.ndarray) -> np.ndarray:
    """Return row numbers counted from the first test look-back; 0 for what lies before it."""
    return np.maximum(rows - dataset.start, 0)
