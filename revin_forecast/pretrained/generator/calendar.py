"""Effects of the calendar on sums over months and quarters: their lengths and weekdays."""

import functools

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from revin_forecast.pretrained.generator.span import Span, draw_log_uniform

FIRST_MONTH, MONTHS = "1900-01", 3600
"""The months of the table; weekdays and leap years repeat after 400 years, of which 300 suffice."""
MONTHS_OF_SEASON = {12: 1, 4: 3}
"""Months in a row of the seasons that have effects of the calendar."""


@functools.cache
def count_weekdays(months: int) -> Float[np.ndarray, "periods 7"]:
    """Return how often each weekday is in each period of so many months; 0: Monday."""
    first = np.arange(np.datetime64(FIRST_MONTH), np.datetime64(FIRST_MONTH) + MONTHS + 1)
    starts = first[::months].astype("datetime64[D]").astype(int)
    # Days are counted from 1970-01-01, so that the first Monday is day 4; days of that weekday
    # before a date: floor((day - 1 - 4 - weekday) / 7) + 1.
    before = (starts[:, None] + 2 - np.arange(7)) // 7
    return np.diff(before, axis=0).astype(float)


def draw_calendar(rng: Generator, span: Span, season: int) -> Float[np.ndarray, "steps series"]:
    """Return the factor by which each row differs from its mean because of its days.

    A row is the sum of its days, and each weekday has its own size: 1 for many series, less or more
    at the weekend for the others (trading days). The first row is any month since 1900.

    Args:
        rng: source of random numbers.
        span: lengths of the series.
        season: 12 for months or 4 for quarters.
    """
    counts = count_weekdays(MONTHS_OF_SEASON[season])
    first = rng.integers(0, len(counts) - span.steps, span.series)
    weights = np.ones((7, span.series))
    weights[5:] = np.where(
        rng.random(span.series) < 0.4, 1.0, draw_log_uniform(rng, 0.05, 3, span.series)
    )
    weights[6] *= np.where(rng.random(span.series) < 0.3, 0.3, 1.0)
    factors = counts @ weights
    factors = factors / factors.mean(0)
    return factors[first + np.arange(span.steps)[:, None], np.arange(span.series)]
