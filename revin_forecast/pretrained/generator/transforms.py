"""From a series on a scale of its own to values: amounts, shares, counts and signed values.

Every function takes `values` whose past has mean 0 and deviation 1, and returns values on the scale
of the series.
"""

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from revin_forecast.pretrained.generator.counts import draw_counts, round_to_lattice
from revin_forecast.pretrained.generator.span import Span, Values, draw_log_uniform

MAX_LOG_RISE, MAX_LOG_GAIN = 3.5, 1.8
"""Most that a logarithm rises above its mean, and in the future above its past: factors 33, 6."""
SCALES = (1e-3, 1e7)
"""Smallest and largest size of a value."""


def draw_scale(rng: Generator, series: int) -> Float[np.ndarray, " series"]:
    """Return units: log-normal around 300, within `SCALES`."""
    return np.clip(np.exp(5.7 + 3.5 * rng.standard_normal(series)), *SCALES)


def limit_logarithms(
    values: Values, deviation: Float[np.ndarray, " series"], span: Span
) -> Float[np.ndarray, " series"]:
    """Return the deviation, less where the logarithm would rise by too much.

    It rises at most `MAX_LOG_RISE` above its mean in the past, and at most `MAX_LOG_GAIN` above its
    largest past value in the future.
    """
    past = np.where(span.mark_past(), values, -np.inf).max(0)
    gain = np.where(span.mark_used(), values, -np.inf).max(0) - past
    limit = np.minimum(MAX_LOG_RISE / np.maximum(past, 1e-9), MAX_LOG_GAIN / np.maximum(gain, 1e-9))
    return np.minimum(deviation, limit)


def to_signed(rng: Generator, values: Values, span: Span) -> Values:
    """Return scale (values + offset): temperatures, balances, rates of change."""
    offset = rng.standard_normal(span.series) * draw_log_uniform(rng, 0.1, 30, span.series)
    return draw_scale(rng, span.series) * (values + offset * (rng.random(span.series) < 0.7))


def to_amount(rng: Generator, values: Values, span: Span) -> Values:
    """Return scale (1 + c values)^p, never negative: an amount whose variation is not relative.

    c is the coefficient of variation, .01 to .6, less where the smallest value would go below a
    share of 2 to 60 % of the mean; p is 1, or 1/2 or 2 for a share.
    """
    lowest = np.where(span.mark_used(), values, 0.0).min(0)
    floor = rng.uniform(0.02, 0.6, span.series)
    variation = draw_log_uniform(rng, 0.01, 0.6, span.series)
    variation = np.minimum(variation, (1 - floor) / np.maximum(-lowest, 1e-9))
    power = rng.choice([0.5, 1, 1, 1, 1, 2], span.series)
    base = np.maximum(1 + variation * values, 0.0)  # unused steps may be below 0
    return draw_scale(rng, span.series) * base**power


def to_exponential(rng: Generator, values: Values, span: Span) -> Values:
    """Return scale exp(s values): growth and a season that are relative.

    s is .03 to 1.2, and smaller by (rows / 60)^.3 in series of fewer rows: growth takes time.
    """
    deviation = draw_log_uniform(rng, 0.03, 1.2, span.series)
    deviation *= np.minimum(span.lengths / 60, 1) ** 0.3
    deviation = limit_logarithms(values, deviation, span)
    return draw_scale(rng, span.series) * np.exp(np.minimum(deviation * values, 50.0))


def to_censored(rng: Generator, values: Values, span: Span) -> Values:
    """Return scale max(0, values + c): amounts that are 0 for a part of the time."""
    base = np.maximum(values + rng.uniform(-0.7, 1.8, span.series), 0.0)
    return draw_scale(rng, span.series) * base


def to_share(rng: Generator, values: Values, span: Span) -> Values:
    """Return capacity / (1 + exp(-(c + s values))): a share of 1, of 100 % or of any capacity."""
    center = 1.2 * rng.standard_normal(span.series)
    inner = center + draw_log_uniform(rng, 0.05, 2, span.series) * values
    capacity = np.where(
        rng.random(span.series) < 0.6,
        rng.choice([1.0, 100.0], span.series),
        draw_scale(rng, span.series),
    )
    return capacity / (1 + np.exp(-np.clip(inner, -30, 30)))


def to_counts(rng: Generator, values: Values, span: Span) -> Values:
    """Return counts of mean level exp(s values), level .2 to 300 and s .05 to .8."""
    deviation = limit_logarithms(values, draw_log_uniform(rng, 0.05, 0.8, span.series), span)
    level = draw_log_uniform(rng, 0.2, 300, span.series)
    return draw_counts(rng, level * np.exp(np.minimum(deviation * values, 10.0)))


TRANSFORMS = {
    "signed": to_signed,
    "amount": to_amount,
    "exponential": to_exponential,
    "censored": to_censored,
    "share": to_share,
    "counts": to_counts,
}
AMOUNTS = ("amount", "exponential", "censored", "share", "counts")
"""Transforms whose natural zero is 0."""
ROUNDED_SHARE = 0.35
"""Share of the series that are published with few digits."""


def round_values(rng: Generator, values: Values, span: Span) -> Values:
    """Return the values with 1.5 to 4 digits of their deviation, or whole numbers, for a share."""
    past = np.where(span.mark_past(), values, 0.0)
    mean = past.sum(0) / span.lengths
    deviation = np.sqrt(np.where(span.mark_past(), (past - mean) ** 2, 0.0).sum(0) / span.lengths)
    exponent = np.floor(np.log10(np.maximum(deviation, 1e-9)) - rng.uniform(0.2, 2.5, span.series))
    chosen = np.flatnonzero(rng.random(span.series) < ROUNDED_SHARE)
    rounded = values.copy()
    rounded[:, chosen] = round_to_lattice(values[:, chosen], 10.0 ** exponent[chosen])
    return rounded
