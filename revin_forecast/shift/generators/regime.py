from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.generators.random_draws import has_variant, simulate_variant_rows
from revin_forecast.shift.shift import Shift, ShiftOnset

SHARE_KNOBS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Regime(Shift):
    """Other dynamics: the parameters go a share l of the way from the process's to another one's.

    Real data take their other dynamics from the next channel, the donor:
    z' = sqrt(1 - l^2) z + l z_donor.
    """

    knobs = SHARE_KNOBS
    has_transition = True

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the other process, or the mixture with the donor."""
        other = simulate_variant_rows(dataset, self.name, knob, onset.rows)
        if other is not None:
            return other
        own = dataset.values[onset.rows]
        return np.sqrt(1 - knob**2) * own + knob * np.roll(own, -1, axis=-1)

    def exclusion_reason(self, dataset: ShiftDataset) -> str | None:
        """Return that there is no donor, if there is none."""
        alone = dataset.channels < 2 and not has_variant(dataset, self.name, self.knobs[-1])
        return "needs two channels: one takes its dynamics from the next" if alone else None
