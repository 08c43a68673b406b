from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.generators.random_draws import has_variant, simulate_variant_rows
from revin_forecast.shift.generators.regime import SHARE_KNOBS
from revin_forecast.shift.shift import Shift, ShiftOnset


@dataclass(frozen=True)
class Channels(Shift):
    """Other relations between the channels, each of which goes on as it was.

    A share of the channels is turned in time by more than one window, each by its own lag, with
    the rows from the first test look-back on as a circle: every value and its neighbours stay.
    """

    knobs = SHARE_KNOBS

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the process with other correlations, or the values, some channels turned."""
        other = simulate_variant_rows(dataset, self.name, knob, onset.rows)
        if other is not None:
            return other
        moved = dataset.values[onset.rows]
        place = onset.rows - dataset.start
        for channel, lag in enumerate(_draw_lags(dataset, knob, rng)):
            if lag:
                rows = dataset.start + (place + lag) % dataset.steps
                moved[..., channel] = dataset.values[rows, channel]
        return moved

    def exclusion_reason(self, dataset: ShiftDataset) -> str | None:
        """Return what is missing: a second channel, or rows to turn."""
        if dataset.channels < 2:
            return "needs two channels"
        if has_variant(dataset, self.name, self.knobs[-1]) or dataset.steps > 2 * dataset.width + 1:
            return None
        return (
            f"needs more than two windows of test rows to turn: {2 * dataset.width + 2} with the "
            f"look-back, but got {dataset.steps}"
        )


def _draw_lags(dataset: ShiftDataset, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return (channels,) int: by how much each is turned; 0 for those that stay."""
    lags = rng.integers(dataset.width + 1, dataset.steps - dataset.width, size=dataset.channels)
    rank = rng.permutation(dataset.channels)
    return np.where(rank < max(1, round(share * dataset.channels)), lags, 0)
