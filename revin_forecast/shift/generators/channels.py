"""A shift of the dependence between channels."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.generators.random_draws import has_variant, simulate_variant_rows
from revin_forecast.shift.generators.regime import SHARE_KNOBS
from revin_forecast.shift.shift import Shift, ShiftOnset


@dataclass(frozen=True)
class Channels(Shift):
    """Other dependence between the channels, each of which keeps its own dynamics.

    A share of the channels is rotated in time by more than one window, each by its own lag. The
    rows from the first test look-back on form a circle: every value keeps its neighbours.
    """

    knobs = SHARE_KNOBS
    largest_knob = 1.0

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the process with other correlations, or the values with rotated channels."""
        variant_rows = simulate_variant_rows(dataset, self.name, knob, onset.rows)
        if variant_rows is not None:
            return variant_rows
        values = dataset.values[onset.rows]
        steps = onset.rows - dataset.start
        for channel, lag in enumerate(_draw_lags(dataset, knob, rng)):
            if lag:
                rows = dataset.start + (steps + lag) % dataset.steps
                values[..., channel] = dataset.values[rows, channel]
        return values

    def exclusion_reason(self, dataset: ShiftDataset) -> str | None:
        """Return the missing requirement: a second channel, or enough rows to rotate."""
        if dataset.channels < 2:
            return "needs two channels"
        if has_variant(dataset, self.name, self.knobs[-1]) or dataset.steps > 2 * dataset.width + 1:
            return None
        return (
            f"needs more than two windows of test rows to turn: {2 * dataset.width + 2} with the "
            f"look-back, but got {dataset.steps}"
        )


def _draw_lags(dataset: ShiftDataset, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return (channels,) int: the lag of each channel; 0 for those that are not rotated."""
    # Drawn for all channels at every knob, so that a higher severity only adds channels.
    lags = rng.integers(dataset.width + 1, dataset.steps - dataset.width, size=dataset.channels)
    rank = rng.permutation(dataset.channels)
    return np.where(rank < max(1, round(share * dataset.channels)), lags, 0)
