"""Other dependence between past and future, with the marginal distribution about the same."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset, observed_deviation
from revin_forecast.shift.generators.random_draws import simulate_variant_rows
from revin_forecast.shift.generators.regime import SHARE_KNOBS
from revin_forecast.shift.shift import AffineShift, Shift, ShiftOnset


@dataclass(frozen=True)
class ConceptFilter(Shift):
    """Weaker memory: z' = (z_t - c z_{t-1}) / s, with s that makes the training deviation 1.

    A process that can takes other parameters instead, at the same variance.
    """

    label = "concept"
    arm = "filter"
    knobs = SHARE_KNOBS
    has_transition = True

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the other process, or the values filtered."""
        other = simulate_variant_rows(dataset, self.name, knob, onset.rows)
        if other is not None:
            return other
        scale = dataset.cached(("filter", knob), lambda: _filter_scale(dataset, knob))
        before = dataset.values[np.maximum(onset.rows - 1, 0)]
        return (dataset.values[onset.rows] - knob * before) / scale


@dataclass(frozen=True)
class ConceptReversal(Shift):
    """Time that runs backwards: the rows from the first test look-back on, last first."""

    label = "concept"
    arm = "reversal"
    knobs = (0.0, 1.0)
    has_transition = True

    def process_parameter(self, severity: int) -> float:
        """Return 0, no change: a stationary Gaussian process is the same in both directions."""
        return 0.0

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the values of the mirrored rows."""
        return dataset.values[dataset.start + len(dataset.values) - 1 - onset.rows]


@dataclass(frozen=True)
class ConceptReflection(AffineShift):
    """A world upside down: x' = -x. Affine, but not of those with a > 0."""

    label = "concept"
    arm = "reflection"
    knobs = (0.0, 1.0)
    has_transition = True

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain -1 and offset 0."""
        return np.array([-1.0]), np.zeros(1)


def _filter_scale(dataset: ShiftDataset, share: float) -> np.ndarray:
    """Return (channels,): the deviation of z_t - c z_{t-1} over the training rows; 1 where 0."""
    deviation = observed_deviation(dataset.train_values[1:] - share * dataset.train_values[:-1])
    return np.where(deviation > 0, deviation, 1)
