"""The shift of a synthetic process's own parameters, where it has one."""

import numpy as np

from revin_forecast.shift.sources.base import Process
from revin_forecast.shift.world import ShiftDataset


def make_process_variant(dataset: ShiftDataset, shift: str, knob: float) -> Process | None:
    """Return the world's process after a shift; None: real data, or no shift of that name."""
    return None if dataset.process is None else dataset.process.make_variant(shift, knob)


def simulate_variant_rows(dataset: ShiftDataset, shift: str, knob: float, rows: np.ndarray) -> np.ndarray | None:
    """Return rows of the shifted process, drawn with the same innovations; None: there is none."""
    variant = make_process_variant(dataset, shift, knob)
    return None if variant is None else dataset.cached(variant, variant.simulate)[rows]


def has_variant(dataset: ShiftDataset, shift: str, knob: float) -> bool:
    """Return whether the world's process has a shift of that name."""
    return make_process_variant(dataset, shift, knob) is not None
