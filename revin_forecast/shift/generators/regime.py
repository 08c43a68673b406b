"""A shift of the dynamics."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.generators.random_draws import has_variant, simulate_variant_rows
from revin_forecast.shift.shift import Shift, ShiftOnset

SHARE_KNOBS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Knobs by severity of shifts that go a share of the way to their full effect."""


@dataclass(frozen=True)
class Regime(Shift):
    """Other dynamics: the process's parameters move a share l of the way to another process's.

    Real data are mixed with the next channel, the donor of other dynamics:
    z' = sqrt(1 - l^2) z + l z_donor.
    """

    knobs = SHARE_KNOBS
    largest_knob = 1.0
    has_transition = True

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the process with other parameters, or the mixture with the donor."""
        variant_rows = simulate_variant_rows(dataset, self.name, knob, onset.rows)
        if variant_rows is not None:
            return variant_rows
        clean = dataset.values[onset.rows]
        return np.sqrt(1 - knob**2) * clean + knob * np.roll(clean, -1, axis=-1)

    def exclusion_reason(self, dataset: ShiftDataset) -> str | None:
        """Return the reason if a data set has no donor channel."""
        has_no_donor = dataset.channels < 2 and not has_variant(dataset, self.name, self.knobs[-1])
        return "needs two channels: one takes its dynamics from the next" if has_no_donor else None
