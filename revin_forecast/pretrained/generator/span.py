"""Lengths of the series of a batch, draws on logarithmic scales and sizes of their parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.random import Generator

SMALLEST = 1e-12
"""Sizes below it count as zero, so that constant parts are not divided by it."""
RECENT_ROWS = (100, 400)
"""Rows before the origin whose differences are the scale of a series; more if they have none."""


@dataclass(frozen=True)
class Span:
    """The rows of each series of a batch, from its own first row on.

    Time is the first axis in the whole generator: the step t of a series is its row t while
    t < length, and the step t - length of its future after it.

    Attributes:
        lengths: rows before the forecast origin (series,).
        horizon: rows after it.
        steps: rows to draw, those of the longest series and its future.
    """

    lengths: Int[np.ndarray, " series"]
    horizon: int
    steps: int

    @property
    def series(self) -> int:
        """The number of series."""
        return len(self.lengths)

    def elapse(self) -> Float[np.ndarray, "steps series"]:
        """Return the time of each step: 0 at the first row, 1 at the forecast origin."""
        return np.arange(self.steps)[:, None] / self.lengths

    def mark_past(self) -> Bool[np.ndarray, "steps series"]:
        """Return whether each step is before the forecast origin."""
        return np.arange(self.steps)[:, None] < self.lengths

    def mark_used(self) -> Bool[np.ndarray, "steps series"]:
        """Return whether each step is before the end of the future."""
        return np.arange(self.steps)[:, None] < self.lengths + self.horizon

    def take(self, chosen: np.ndarray) -> "Span":
        """Return the span of the chosen series, given by numbers or by a mask."""
        return Span(self.lengths[chosen], self.horizon, self.steps)


Values = Float[np.ndarray, "steps series"]
Draw = Callable[[Generator, Span], Values]


def draw_log_uniform(
    rng: Generator, low: float | int, high: float | int, series: int
) -> Float[np.ndarray, " series"]:
    """Return numbers whose logarithms are uniform between those of `low` and `high`."""
    return np.exp(rng.uniform(np.log(low), np.log(high), series))


def draw_kinds(rng: Generator, weights: Mapping[str, float | int], series: int) -> np.ndarray:
    """Return a name of `weights` for each series, drawn in proportion to its weight."""
    bounds = np.cumsum(list(weights.values()))
    # Rounding may give the total itself.
    numbers = np.searchsorted(bounds, rng.random(series) * bounds[-1], side="right")
    return np.array(list(weights))[np.minimum(numbers, len(bounds) - 1)]


def measure_deviation(
    values: Values, span: Span
) -> tuple[Float[np.ndarray, " series"], Float[np.ndarray, " series"]]:
    """Return mean and standard deviation of the past of each series."""
    past = span.mark_past()
    mean = np.where(past, values, 0.0).sum(0) / span.lengths
    squares = np.where(past, values - mean, 0.0) ** 2
    return mean, np.sqrt(squares.sum(0) / span.lengths)


def measure_roughness(values: Values, span: Span) -> Float[np.ndarray, " series"]:
    """Return the mean absolute difference between successive rows of the past of each series."""
    differences = np.abs(np.diff(values, axis=0))
    return np.where(span.mark_past()[1:], differences, 0.0).sum(0) / (span.lengths - 1)


def measure_recent_scale(values: Values, span: Span) -> Float[np.ndarray, " series"]:
    """Return mean absolute difference + .02 deviations of the last 100 rows of each past.

    This is the scale of `DifferenceScale`, on which the network reads a series. Where the last 100
    rows have no spread, the last 400 are measured instead.
    """
    step = np.arange(span.steps)[:, None]
    scale = np.zeros(span.series)
    for rows in RECENT_ROWS:
        flat = np.flatnonzero(scale == 0)
        if len(flat):
            part = span.take(flat)
            recent = part.mark_past() & (step >= part.lengths - rows)
            scale[flat] = _measure_spread(values[:, flat], recent)
    return scale


def _measure_spread(values: Values, recent: np.ndarray) -> np.ndarray:
    count = recent.sum(0)
    inside = recent[:-1] & recent[1:]
    differences = np.where(inside, np.abs(np.diff(values, axis=0)), 0.0)
    mean = np.where(recent, values, 0.0).sum(0) / count
    squares = np.where(recent, values - mean, 0.0) ** 2
    return differences.sum(0) / (count - 1) + 0.02 * np.sqrt(squares.sum(0) / count)


def divide_by_size(values: np.ndarray, size: Float[np.ndarray, " series"]) -> np.ndarray:
    """Return the values over their size; a size of almost zero leaves them as they are."""
    return values / np.where(size > SMALLEST, size, 1.0)


def draw_by_kind(
    rng: Generator, span: Span, draws: Mapping[str, Draw], kinds: np.ndarray
) -> Values:
    """Return for each series the values of the draw that its kind names."""
    values = np.zeros((span.steps, span.series))
    for kind, draw in draws.items():
        chosen = np.flatnonzero(kinds == kind)
        if len(chosen):
            values[:, chosen] = draw(rng, span.take(chosen))
    return values
