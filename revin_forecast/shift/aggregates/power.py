"""How many data sets a comparison needs: the power of Wilcoxon's signed-rank test."""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

MAX_UNITS = 200
"""More data sets than this are not counted: the result is infinite."""
MAX_EFFECT = 20.0
"""Largest median in deviations that is searched for."""


class PowerAnalysis(NamedTuple):
    """The needs and the reach of a test."""

    needed: float
    """Units that the test needs to find the observed median; infinite above `MAX_UNITS`."""
    detectable: float
    """Smallest |median| that the test finds with the units that there are; infinite if none."""


def power_analysis(
    values: Float[np.ndarray, " units"], alpha: float = 0.05, power: float = 0.8, tests: int = 1
) -> PowerAnalysis:
    """Return the needs and the reach of a two-sided signed-rank test over such values.

    The values are taken as normal around their median with their own deviation. With several tests
    each is done at alpha / tests, the level of the first step of Holm's procedure: the result is
    slightly too large for a pair that others precede.

    Args:
        values: one log-ratio a unit: a data set, or a family of them.
        alpha: error probability of the family of tests.
        power: wanted probability of a significant result.
        tests: size of the family.

    >>> power_analysis(np.array([-0.4, -0.1, -0.3, -0.2, -0.25, 0.1, -0.15])).needed
    9.0
    """
    if len(values) < 2:
        return PowerAnalysis(np.nan, np.nan)
    level, spread = alpha / tests, float(np.std(values, ddof=1))
    size = abs(float(np.median(values)))
    effect = min(size / spread, MAX_EFFECT) if spread > 0 else MAX_EFFECT * (size > 0)
    return PowerAnalysis(
        units_needed(effect, level, power), spread * smallest_effect(len(values), level, power)
    )


def units_needed(effect: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the units that find a median of `effect` deviations; infinite above `MAX_UNITS`.

    >>> units_needed(1.0)
    12.0
    """
    if signed_rank_power(MAX_UNITS, effect, alpha) < power:
        return math.inf
    low, high = 0, MAX_UNITS  # `low` is too few, `high` is enough
    while high - low > 1:
        middle = (low + high) // 2
        is_enough = signed_rank_power(middle, effect, alpha) >= power
        low, high = (low, middle) if is_enough else (middle, high)
    return float(high)


@lru_cache(maxsize=64)
def smallest_effect(units: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest median, in deviations, that so many units find; infinite without any."""
    if signed_rank_power(units, MAX_EFFECT, alpha) < power:
        return math.inf
    low, high = 0.0, MAX_EFFECT
    while high - low > 1e-4:
        middle = (low + high) / 2
        is_found = signed_rank_power(units, middle, alpha) >= power
        low, high = (low, middle) if is_found else (middle, high)
    return high


def signed_rank_power(units: int, effect: float, alpha: float) -> float:
    """Return the probability of p <= alpha if the values are normal, `effect` deviations from 0.

    The null distribution is exact. The sum of positive ranks is taken as normal with its exact
    mean and variance (Lehmann, Nonparametrics, 1975, section 4.2). In simulations of 7 to 40 units
    the truth is up to .08 higher, .02 from 20 units on: it errs towards more units.
    """
    last = units * (units + 1) // 2
    critical = int(np.searchsorted(_null_distribution(units), alpha / 2, side="right")) - 1
    if critical < 0:
        return 0.0
    positive, pair, both = _sign_probabilities(effect)
    if critical == 0:  # all values on one side
        return positive**units + (1 - positive) ** units
    pairs = units * (units - 1) / 2
    mean = units * positive + pairs * pair
    variance = units * positive * (1 - positive) + 2 * pairs * (units - 2) * (both - pair**2)
    variance += pairs * (2 * (positive - pair) ** 2 + 3 * pair * (1 - pair))
    deviation = math.sqrt(max(variance, 1e-12))
    upper = _normal_probability((mean - (last - critical) + 0.5) / deviation)
    return upper + _normal_probability((critical + 0.5 - mean) / deviation)


@lru_cache(maxsize=MAX_UNITS)
def _null_distribution(units: int) -> Float[np.ndarray, " sums"]:
    """Return the probability that the sum of positive ranks is at most 0, 1, 2, ..."""
    counts = np.zeros(units * (units + 1) // 2 + 1)
    counts[0] = 1.0
    for rank in range(1, units + 1):
        # Each rank is positive or not, with equal probability.
        with_rank = np.zeros_like(counts)
        with_rank[rank:] = counts[: len(counts) - rank]
        counts = (counts + with_rank) / 2
    return np.cumsum(counts)


@lru_cache(maxsize=256)
def _sign_probabilities(effect: float) -> tuple[float, float, float]:
    """Return the probabilities that a value, x + y, and both x + y and x + z are positive."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    both = [_normal_probability(node + 2 * effect) ** 2 for node in nodes.tolist()]
    expectation = float(np.dot(weights, both) / weights.sum())
    return (
        _normal_probability(effect),
        _normal_probability(math.sqrt(2) * effect),
        expectation,
    )


def _normal_probability(value: float) -> float:
    return 0.5 * math.erfc(-value / math.sqrt(2))
