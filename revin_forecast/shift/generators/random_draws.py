"""Random numbers of the shifts, and rows of synthetic processes after a shift."""

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.processes.base import Process


def random_signs(dataset: ShiftDataset, rng: np.random.Generator) -> np.ndarray:
    """Return (channels,) random signs, -1 or +1."""
    return rng.choice((-1.0, 1.0), size=dataset.channels)


def draw_key(rng: np.random.Generator) -> int:
    """Return a cache key for everything that a fresh generator will draw.

    The key is the generator's first number, which depends on data set, shift and seed.
    """
    return int(rng.integers(2**63))


def rows_since_start(dataset: ShiftDataset, rows: np.ndarray) -> np.ndarray:
    """Return row numbers counted from the first test look-back; 0 for rows before it."""
    return np.maximum(rows - dataset.start, 0)


def make_process_variant(dataset: ShiftDataset, shift: str, knob: float) -> Process | None:
    """Return the data set's process after a shift; None: real data, or no such shift."""
    return None if dataset.process is None else dataset.process.make_variant(shift, knob)


def simulate_variant_rows(
    dataset: ShiftDataset, shift: str, knob: float, rows: np.ndarray
) -> np.ndarray | None:
    """Return rows of the shifted process with the same innovations; None: no such process."""
    variant = make_process_variant(dataset, shift, knob)
    return None if variant is None else dataset.get_or_compute(variant, variant.simulate)[rows]


def has_variant(dataset: ShiftDataset, shift: str, knob: float) -> bool:
    """Return whether the data set's process has a shift of that name."""
    return make_process_variant(dataset, shift, knob) is not None
