"""What a shift draws at random, once for each seed."""

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.processes.base import Process


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


def make_process_variant(dataset: ShiftDataset, shift: str, knob: float) -> Process | None:
    """Return the world's process after a shift; None: real data, or no shift of that name."""
    return None if dataset.process is None else dataset.process.make_variant(shift, knob)


def simulate_variant_rows(
    dataset: ShiftDataset, shift: str, knob: float, rows: np.ndarray
) -> np.ndarray | None:
    """Return rows of the shifted process, drawn with the same innovations; None: there is none."""
    variant = make_process_variant(dataset, shift, knob)
    return None if variant is None else dataset.cached(variant, variant.simulate)[rows]


def has_variant(dataset: ShiftDataset, shift: str, knob: float) -> bool:
    """Return whether the world's process has a shift of that name."""
    return make_process_variant(dataset, shift, knob) is not None
