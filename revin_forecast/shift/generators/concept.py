"""Shifts of the dependence between past and future that keep the marginal distribution."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset, observed_deviation
from revin_forecast.shift.generators.random_draws import simulate_variant_rows
from revin_forecast.shift.generators.regime import SHARE_KNOBS
from revin_forecast.shift.shift import AffineShift, Shift, ShiftOnset


@dataclass(frozen=True)
class ConceptFilter(Shift):
    """Weaker memory: z' = (z_t - c z_{t-1}) / s, with s for a training deviation of 1.

    A process with such a variant changes its parameters instead, at the same variance.
    """

    label = "concept"
    arm = "filter"
    knobs = SHARE_KNOBS
    largest_knob = 1.0
    has_transition = True

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the process with other parameters, or the filtered values."""
        variant_rows = simulate_variant_rows(dataset, self.name, knob, onset.rows)
        if variant_rows is not None:
            return variant_rows
        # From training rows, so that the shift does not depend on the test rows it changes.
        scale = dataset.get_or_compute(("filter", knob), lambda: _filter_scale(dataset, knob))
        previous = dataset.values[np.maximum(onset.rows - 1, 0)]
        return (dataset.values[onset.rows] - knob * previous) / scale


@dataclass(frozen=True)
class ConceptReversal(Shift):
    """Reversed time: the rows from the first test look-back on, in reverse order."""

    label = "concept"
    arm = "reversal"
    knobs = (0.0, 1.0)
    is_switch = True
    has_transition = True

    def process_parameter(self, severity: int) -> float:
        """Return 0, no change: a stationary Gaussian process is the same in both directions."""
        return 0.0

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the values of the rows in reverse order."""
        return dataset.values[dataset.start + len(dataset.values) - 1 - onset.rows]


@dataclass(frozen=True)
class ConceptReflection(AffineShift):
    """Reflection: x' = -x. It is affine, but not equivariant, as a < 0."""

    label = "concept"
    arm = "reflection"
    knobs = (0.0, 1.0)
    is_switch = True
    has_transition = True

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain -1 and offset 0."""
        return np.array([-1.0]), np.zeros(1)


def _filter_scale(dataset: ShiftDataset, share: float) -> np.ndarray:
    """Return (channels,): training deviation of z_t - c z_{t-1}; 1 where it is 0."""
    deviation = observed_deviation(dataset.train_values[1:] - share * dataset.train_values[:-1])
    return np.where(deviation > 0, deviation, 1)
