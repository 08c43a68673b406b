"""Whole numbers: counts around a rate, intermittent demand and values rounded to a lattice."""

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from revin_forecast.pretrained.generator.breaks import draw_break_steps
from revin_forecast.pretrained.generator.seasons import draw_profile, repeat_profile
from revin_forecast.pretrained.generator.span import Span, Values, draw_log_uniform

MAX_RATE = 1e6
"""Counts of a larger rate are rounded instead of drawn: the relative noise would be below .1 %."""


def draw_counts(rng: Generator, rate: Values) -> Values:
    """Return counts with the given mean: Poisson for half of the series, else negative binomial.

    The negative binomial is a Poisson with a gamma rate of shape .5 to 20, so that its variance is
    rate + rate^2 / shape.
    """
    rate = np.minimum(rate, MAX_RATE)
    wide = np.flatnonzero(rng.random(rate.shape[1]) < 0.5)
    shape = draw_log_uniform(rng, 0.5, 20, len(wide))
    rate[:, wide] *= rng.gamma(shape, 1 / shape, (len(rate), len(wide)))
    return rng.poisson(rate).astype(float)


def draw_intermittent(rng: Generator, span: Span, season: int = 1) -> Values:
    """Return demand that is mostly 0: a demand happens with probability p, sizes are 1 + Poisson.

    This is the model behind the method of Croston (1972): p is 3 to 60 %, the mean size 1 to 20,
    and some sizes are geometric. log(p / (1 - p)) changes evenly for a third of the series, p falls
    to a tenth at a break for 8 % (obsolescence), and some have lots of a fixed size. With a season,
    log(p / (1 - p)) has a profile for half of the series.
    """
    series, shape = span.series, (span.steps, span.series)
    logit = np.log(draw_log_uniform(rng, 0.03, 1.5, series))
    trend = rng.standard_normal(series) * (rng.random(series) < 1 / 3)
    logit = logit + trend * (np.minimum(span.elapse(), 1.3) - 0.5)
    if season > 1:
        size = draw_log_uniform(rng, 0.3, 2, series) * (rng.random(series) < 0.5)
        logit += size * repeat_profile(draw_profile(rng, season, series), span.steps)
    probability = 1 / (1 + np.exp(-logit))
    obsolete = rng.random(series) < 0.08
    after = np.arange(span.steps)[:, None] >= draw_break_steps(rng, span)
    probability = np.where(after & obsolete, 0.1 * probability, probability)
    mean = draw_log_uniform(rng, 0.05, 20, series)
    geometric = rng.random(series) < 0.5
    rate = np.broadcast_to(mean, shape) * np.where(geometric, rng.exponential(1, shape), 1.0)
    sizes = 1.0 + rng.poisson(rate)
    lot = np.where(rng.random(series) < 0.2, rng.choice([5, 6, 10, 12, 50, 100], series), 1)
    return np.where(rng.random(shape) < probability, sizes * lot, 0.0)


def round_to_lattice(values: Values, quantum: Float[np.ndarray, " series"]) -> Values:
    """Return the nearest multiples of `quantum`."""
    return np.round(values / quantum) * quantum


def draw_openings(rng: Generator, span: Span, season: int) -> Values:
    """Return 0 for up to 40 % of each cycle, in a row, and 1 elsewhere: closed days or nights."""
    closed = np.maximum(1, np.round(rng.uniform(0.05, 0.4, span.series) * season))
    first = rng.integers(0, season, span.series)
    return ((np.arange(span.steps)[:, None] - first) % season >= closed).astype(float)
