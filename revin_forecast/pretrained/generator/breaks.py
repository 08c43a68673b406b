"""Breaks of the level and outliers, more of them near the forecast origin than elsewhere."""

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

from revin_forecast.pretrained.generator.span import Span, draw_log_uniform

NEAR_ROWS = 12
"""A break near the end is in the last 12 rows before the forecast origin."""
NEAR_SHARE, AFTER_SHARE = 0.4, 0.08
"""Shares of the breaks near the end, and after the origin, where they can only widen intervals."""


def draw_break_steps(rng: Generator, span: Span) -> Int[np.ndarray, " series"]:
    """Return the first step of a break: .4 in the last 12 rows, .08 after the forecast origin."""
    where = rng.random(span.series)
    near = span.lengths - rng.integers(1, NEAR_ROWS + 1, span.series)
    after = span.lengths + rng.integers(0, max(span.horizon // 2, 1), span.series)
    anywhere = (span.lengths * rng.uniform(0.05, 1, span.series)).astype(int)
    steps = np.where(where < NEAR_SHARE, near, anywhere)
    steps = np.where(where > 1 - AFTER_SHARE, after, steps)
    return np.maximum(steps, 1)


def draw_level_shift(rng: Generator, span: Span) -> Float[np.ndarray, "steps series"]:
    """Return a step from 0 to 1 or -1 that stays."""
    return _mark_after(span, draw_break_steps(rng, span)) * rng.choice([-1.0, 1.0], span.series)


def draw_temporary_change(rng: Generator, span: Span) -> Float[np.ndarray, "steps series"]:
    """Return a step of 1 or -1 that decays by r a row, r .5 to .95: a shock and its recovery."""
    first = draw_break_steps(rng, span)
    since = np.maximum(np.arange(span.steps)[:, None] - first, 0)
    decay = rng.uniform(0.5, 0.95, span.series) ** since
    return _mark_after(span, first) * decay * rng.choice([-1.0, -1.0, 1.0], span.series)


def draw_ramp(rng: Generator, span: Span) -> Float[np.ndarray, "steps series"]:
    """Return a change from 0 to 1 or -1 over 2 to 12 rows that stays."""
    first = draw_break_steps(rng, span)
    since = np.arange(span.steps)[:, None] - first + 1
    return np.clip(since / rng.integers(2, 13, span.series), 0, 1) * rng.choice(
        [-1.0, 1.0], span.series
    )


def _mark_after(span: Span, first: Int[np.ndarray, " series"]) -> np.ndarray:
    return np.arange(span.steps)[:, None] >= first


BREAKS = {
    "shift": draw_level_shift,
    "temporary": draw_temporary_change,
    "ramp": draw_ramp,
}
BREAK_WEIGHTS = {"shift": 0.5, "temporary": 0.3, "ramp": 0.2}


def draw_outliers(rng: Generator, span: Span) -> Float[np.ndarray, "steps series"]:
    """Return outliers of deviation 3 to 15, 0 elsewhere.

    Single ones have a chance of .3 to 5 % a row; a third of the series has a cluster of up to five
    rows of one sign, and a third one in the last three rows before the origin.
    """
    chance = draw_log_uniform(rng, 0.003, 0.05, span.series)
    size = draw_log_uniform(rng, 3, 15, span.series)
    sign = rng.choice([-1.0, 1.0, 0.0], span.series)
    marked = rng.random((span.steps, span.series)) < chance
    step = np.arange(span.steps)[:, None]
    first = draw_break_steps(rng, span)
    clustered = rng.random(span.series) < 1 / 3
    marked |= (step >= first) & (step < first + rng.integers(2, 6, span.series)) & clustered
    last = span.lengths - rng.integers(1, 4, span.series)
    marked |= (step == last) & (rng.random(span.series) < 1 / 3)
    values = np.zeros((span.steps, span.series))
    rows, columns = np.nonzero(marked)
    drawn = rng.standard_normal(len(rows)) * 0.4
    drawn += np.where(sign[columns] == 0, rng.choice([-1.0, 1.0], len(rows)), sign[columns])
    values[rows, columns] = drawn * size[columns]
    return values
