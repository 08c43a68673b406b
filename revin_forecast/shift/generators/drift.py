"""Shifts of the level that grow with time: a trend and a random walk."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.generators.random_draws import draw_key, random_signs, rows_since_start
from revin_forecast.shift.shift import AffineShift, ShiftOnset


@dataclass(frozen=True)
class TrendDrift(AffineShift):
    """A trend: x' = x + k u after u steps, with k = +-S / W for windows of W steps.

    S is the drift within one window. Over a whole test part it adds up to many times that.
    """

    label = "trend"
    has_transition = True

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset k u, (..., time, channels)."""
        slope = knob / dataset.width * random_signs(dataset, rng)
        return np.ones(1), onset.elapsed[..., None] * slope


@dataclass(frozen=True)
class RandomWalkDrift(AffineShift):
    """A wandering level: x' = x + sum of e_j since the onset, e ~ N(0, q^2).

    q = S / sqrt(W), so that the deviation after one window of W steps is S. Each row has its own
    step, whatever the onset: windows that are shifted one by one have different paths. The path is
    known and can be subtracted from a forecast, but its steps can't be forecast: q^2 h of the error
    that is not pulled back is irreducible.
    """

    label = "random_walk"
    has_transition = True

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and the path since the onset, (..., time, channels)."""
        # One walk for all severities and windows: a path is a difference of two of its values.
        walk = dataset.get_or_compute((self.name, draw_key(rng)), lambda: _draw_walk(dataset, rng))
        onset_row = rows_since_start(dataset, onset.rows - onset.elapsed)
        path = walk[rows_since_start(dataset, onset.rows) + 1] - walk[onset_row]
        return np.ones(1), knob / np.sqrt(dataset.width) * path


def _draw_walk(dataset: ShiftDataset, rng: np.random.Generator) -> np.ndarray:
    """Return (steps + 1, channels): the sum of the steps before each row."""
    steps = rng.standard_normal((dataset.steps, dataset.channels))
    return np.concatenate([np.zeros((1, dataset.channels)), np.cumsum(steps, axis=0)])
