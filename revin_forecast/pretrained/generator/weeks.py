"""Profiles of a week of hours: a day's profile that is another one at the weekend."""

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from revin_forecast.pretrained.generator.seasons import (
    draw_profile,
    repeat_profile,
    standardize_profile,
)
from revin_forecast.pretrained.generator.span import Span, Values, draw_log_uniform

DAYS = 7
WEEK_ROWS = {7 * rows: rows for rows in (24, 48, 96)}
"""Rows of a week and of its days, for hours, half hours and quarter hours."""


def draw_day_profile(rng: Generator, rows: int, series: int) -> Float[np.ndarray, "rows series"]:
    """Return the profile of a day: low at night, one or two humps, of mean 0 and deviation 1."""
    hour = 2 * np.pi * np.arange(rows)[:, None] / rows
    center = rng.uniform(0, 2 * np.pi, series)
    apart = rng.uniform(0.3, 0.55, series) * 2 * np.pi
    width = rng.uniform(0.06, 0.2, series)
    sharpness = np.log(2) / (1 - np.cos(2 * np.pi * width))
    second = rng.uniform(0, 1.2, series) * (rng.random(series) < 0.7)
    profile = np.exp(sharpness * (np.cos(hour - center) - 1))
    profile += second * np.exp(sharpness * (np.cos(hour - center - apart) - 1))
    profile += rng.uniform(0, 0.6, series) * np.cos(hour - center - apart / 2)
    rough = draw_log_uniform(rng, 0.005, 0.15, series) * rng.standard_normal((rows, series))
    return standardize_profile(profile + rough)


def draw_week_profile(rng: Generator, rows: int, series: int) -> Float[np.ndarray, "week series"]:
    """Return the profile of a week whose days have `rows` rows, of mean 0 and deviation 1.

    Weekdays share one profile of the day; at the weekend it is lower or higher, flatter, and partly
    another one. Each day has a small level of its own.
    """
    humps = rng.random(series) < 0.7
    day = np.where(humps, draw_day_profile(rng, rows, series), draw_profile(rng, rows, series))
    other = standardize_profile(
        day + rng.uniform(0, 1, series) * draw_day_profile(rng, rows, series)
    )
    flat = rng.uniform(0.4, 1.1, series)
    level = rng.standard_normal(series) * draw_log_uniform(rng, 0.05, 1.5, series)
    small = draw_log_uniform(rng, 0.01, 0.2, series) * rng.standard_normal((DAYS, series))
    start = rng.integers(0, DAYS, series)
    weekend = (np.arange(DAYS)[:, None] + start) % DAYS >= DAYS - 2
    days = small + np.where(weekend, level, 0.0)
    shape = np.where(weekend[:, None], flat * other, day)
    return standardize_profile((days[:, None] + shape).reshape(DAYS * rows, series))


def draw_week(rng: Generator, rows: int, span: Span) -> Values:
    """Return the profile of a week repeated over the steps, starting at any hour."""
    profile = draw_week_profile(rng, rows, span.series)
    values = repeat_profile(profile, span.steps + rows)
    return values[rng.integers(0, rows) :][: span.steps]
