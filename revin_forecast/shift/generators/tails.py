from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import Moment, Shift
from revin_forecast.shift.generators.variant import has_variant, variant_rows
from revin_forecast.shift.means import observed_deviation
from revin_forecast.shift.world import World

FURTHEST = 5.0
"""Training deviations past which the map goes on straight, however far the training rows went."""


@dataclass(frozen=True)
class Tails(Shift):
    """Heavier tails: z' = k z exp(h z^2 / 2), Tukey's h, with k that keeps the training deviation.

    Past the largest |z| of training it goes on straight, without a bend: finite, monotone and
    invertible everywhere. A process that can draws its innovations from Student's t instead, with
    `freedom` degrees by severity, rescaled to the same variance; that has no inverse.
    """

    knobs = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
    freedom = (np.inf, 10.0, 5.0, 4.0, 3.0, 2.5)

    def variant_knob(self, severity: int) -> float:
        """Return the degrees of freedom."""
        return self.freedom[severity]

    def moved(self, world: World, at: Moment, knob: float, draw: np.random.Generator) -> np.ndarray:
        """Return the process with heavier innovations, or the values stretched."""
        freedom = self.freedom[self.knobs.index(knob)]
        heavier = variant_rows(world, self.name, freedom, at.rows)
        if heavier is not None:
            return heavier
        edge, factor = _fitted(world, knob)
        return factor * _stretch(world.values[at.rows], knob, edge)

    def restore(
        self, world: World, at: Moment, severity: int, forecast: np.ndarray, seed: int = 0
    ) -> np.ndarray | None:
        """Return the exact inverse; None for a process that has its own heavier innovations."""
        if severity == 0:
            return forecast
        if has_variant(world, self.name, self.freedom[severity]):
            return None
        edge, factor = _fitted(world, self.knobs[severity])
        back = _shrink(forecast / factor, self.knobs[severity], edge)
        return np.where(at.elapsed[..., None] >= 0, back, forecast)


def _fitted(world: World, strength: float) -> np.ndarray:
    """Return (2, channels): where the map goes straight, and k; both from the training rows."""

    def fit() -> np.ndarray:
        size = np.nan_to_num(np.abs(world.training)).max(axis=0)
        edge = np.minimum(size, FURTHEST)
        before = observed_deviation(world.training)
        after = observed_deviation(_stretch(world.training, strength, edge))
        varies = after > 0
        return np.stack([edge, np.divide(before, after, out=np.ones_like(after), where=varies)])

    return world.once(("tails", strength), fit)


def _stretch(values: np.ndarray, strength: float, edge: np.ndarray) -> np.ndarray:
    """Return z exp(h z^2 / 2), straight past the edge."""
    size = np.abs(values)
    inside = np.minimum(size, edge)
    curved = inside * np.exp(strength * inside**2 / 2)
    return np.sign(values) * (curved + (size - inside) * _slope(strength, edge))


def _shrink(values: np.ndarray, strength: float, edge: np.ndarray) -> np.ndarray:
    """Return the inverse of `_stretch`: z^2 = W(h w^2) / h inside, W Lambert's function."""
    size = np.abs(values)
    top = edge * np.exp(strength * edge**2 / 2)
    inside = np.minimum(size, top)
    curved = np.sqrt(lambert(strength * inside**2) / strength)
    return np.sign(values) * (curved + (size - inside) / _slope(strength, edge))


def _slope(strength: float, edge: np.ndarray) -> np.ndarray:
    square = strength * edge**2
    return np.exp(square / 2) * (1 + square)


def lambert(product: np.ndarray) -> np.ndarray:
    """Return w >= 0 with w exp(w) = product >= 0, by Halley's method.

    >>> lambert(np.array([0.0, np.e]))
    array([0., 1.])
    """
    logarithm = np.log1p(product)
    root = logarithm * (1 - np.log1p(logarithm) / (2 + logarithm))  # right to a few percent
    for _ in range(3):  # each triples the number of right digits
        power = np.exp(root)
        miss = root * power - product
        root = root - miss / (power * (root + 1) - (root + 2) * miss / (2 * root + 2))
    return root
