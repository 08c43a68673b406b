"""A shift to heavier tails."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset, observed_deviation
from revin_forecast.shift.generators.random_draws import has_variant, simulate_variant_rows
from revin_forecast.shift.shift import Shift, ShiftOnset

MAX_DEVIATIONS = 5.0
"""Largest |z|, in training deviations, up to which the map is curved; it is linear beyond."""


@dataclass(frozen=True)
class Tails(Shift):
    """Heavier tails: Tukey's h map z' = k z exp(h z^2 / 2), with k keeping the training deviation.

    Beyond the largest |z| of training, or 5 if that is less, the map continues linearly with the
    same slope: it is finite, monotone and invertible everywhere. A process with such a variant
    draws its innovations from Student's t instead, rescaled to the same variance and with
    `degrees_of_freedom` by knob, with 1 / nu linear in between; that shift has no inverse.
    """

    knobs = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
    largest_knob = 0.25
    degrees_of_freedom = (np.inf, 10.0, 5.0, 4.0, 3.0, 2.5)

    def process_parameter(self, severity: int) -> float:
        """Return the degrees of freedom of the innovations."""
        return self._find_freedom(self.knobs[severity])

    def _find_freedom(self, knob: float) -> float:
        """Return the degrees of freedom that go with h."""
        inverse = np.interp(knob, Tails.knobs, np.reciprocal(self.degrees_of_freedom))
        return float(1 / inverse) if inverse > 0 else float("inf")

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the process with heavier innovations, or the mapped values."""
        # The knob is h for real data; a process takes the degrees of freedom that go with it.
        freedom = self._find_freedom(knob)
        variant_rows = simulate_variant_rows(dataset, self.name, freedom, onset.rows)
        if variant_rows is not None:
            return variant_rows
        edge, factor = _fit_edge_and_factor(dataset, knob)
        return factor * _stretch(dataset.values[onset.rows], knob, edge)

    def restore(
        self,
        dataset: ShiftDataset,
        onset: ShiftOnset,
        severity: int,
        forecast: np.ndarray,
        seed: int = 0,
    ) -> np.ndarray | None:
        """Return the exact inverse; None for a process with a heavier variant."""
        if severity == 0:
            return forecast
        if has_variant(dataset, self.name, self.process_parameter(severity)):
            return None
        edge, factor = _fit_edge_and_factor(dataset, self.knobs[severity])
        back = _shrink(forecast / factor, self.knobs[severity], edge)
        return np.where(onset.elapsed[..., None] >= 0, back, forecast)


def _fit_edge_and_factor(dataset: ShiftDataset, strength: float) -> np.ndarray:
    """Return (2, channels): the |z| where the map becomes linear, and k, from the training rows."""

    def fit() -> np.ndarray:
        size = np.nan_to_num(np.abs(dataset.train_values)).max(axis=0)
        edge = np.minimum(size, MAX_DEVIATIONS)
        before = observed_deviation(dataset.train_values)
        after = observed_deviation(_stretch(dataset.train_values, strength, edge))
        varies = after > 0
        return np.stack([edge, np.divide(before, after, out=np.ones_like(after), where=varies)])

    return dataset.get_or_compute(("tails", strength), fit)


def _stretch(values: np.ndarray, strength: float, edge: np.ndarray) -> np.ndarray:
    """Return z exp(h z^2 / 2), linear beyond the edge."""
    size = np.abs(values)
    inside = np.minimum(size, edge)
    curved = inside * np.exp(strength * inside**2 / 2)
    return np.sign(values) * (curved + (size - inside) * _edge_slope(strength, edge))


def _shrink(values: np.ndarray, strength: float, edge: np.ndarray) -> np.ndarray:
    """Return the inverse of `_stretch`: z^2 = W(h w^2) / h below the edge, W Lambert's function."""
    size = np.abs(values)
    top = edge * np.exp(strength * edge**2 / 2)
    inside = np.minimum(size, top)
    curved = np.sqrt(lambert_w(strength * inside**2) / strength)
    return np.sign(values) * (curved + (size - inside) / _edge_slope(strength, edge))


def _edge_slope(strength: float, edge: np.ndarray) -> np.ndarray:
    square = strength * edge**2
    return np.exp(square / 2) * (1 + square)


def lambert_w(product: np.ndarray) -> np.ndarray:
    """Return w >= 0 with w exp(w) = product >= 0, by Halley's method.

    >>> lambert_w(np.array([0.0, np.e]))
    array([0., 1.])
    """
    # Not scipy.special.lambertw: it computes complex numbers, which takes more than twice as long,
    # and its last bits differ, so recorded results would have to be measured again.
    logarithm = np.log1p(product)
    # The start is right to a few percent, and each step of Halley's method triples the number of
    # correct digits: three steps reach float64.
    root = logarithm * (1 - np.log1p(logarithm) / (2 + logarithm))
    for _ in range(3):
        power = np.exp(root)
        miss = root * power - product
        root = root - miss / (power * (root + 1) - (root + 2) * miss / (2 * root + 2))
    return root
