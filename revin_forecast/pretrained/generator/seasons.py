"""Seasons: the profile of one cycle, and how it changes from cycle to cycle."""

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from revin_forecast.pretrained.generator.span import (
    Span,
    Values,
    divide_by_size,
    draw_kinds,
    draw_log_uniform,
)

Profile = Float[np.ndarray, "season series"]
MAX_HARMONICS = 8
MAX_PEAKS = 3


def standardize_profile(profile: Profile) -> Profile:
    """Return the profile with mean 0 and deviation 1 over the cycle."""
    profile = profile - profile.mean(0)
    return divide_by_size(profile, profile.std(0))


def draw_fourier_profile(rng: Generator, season: int, series: int) -> Profile:
    """Return up to 8 harmonics with random phases; the size of the k-th is k^-d, d .3 to 3."""
    time = 2 * np.pi * np.arange(season)[:, None] / season
    decay = rng.uniform(0.3, 3, series)
    profile = np.zeros((season, series))
    for harmonic in range(1, min(season // 2, MAX_HARMONICS) + 1):
        size = rng.standard_normal(series) * harmonic**-decay
        profile += size * np.cos(harmonic * time + rng.uniform(0, 2 * np.pi, series))
    return profile


def draw_free_profile(rng: Generator, season: int, series: int) -> Profile:
    """Return an independent normal value for each row of the cycle."""
    return rng.standard_normal((season, series))


def draw_rough_profile(rng: Generator, season: int, series: int) -> Profile:
    """Return a smooth profile with independent values of .1 to .7 of its size on it."""
    smooth = standardize_profile(draw_fourier_profile(rng, season, series))
    return smooth + draw_log_uniform(rng, 0.1, 0.7, series) * rng.standard_normal((season, series))


def draw_peaked_profile(rng: Generator, season: int, series: int) -> Profile:
    """Return one to three peaks or dips exp(k (cos(t - c) - 1)), narrow to a third of the cycle."""
    time = 2 * np.pi * np.arange(season)[:, None] / season
    profile = np.zeros((season, series))
    sign = rng.choice([-1, 1, 1], series)
    for number in range(MAX_PEAKS):
        center = 2 * np.pi * rng.integers(0, season, series) / season
        # A peak falls to a half within `width` of the cycle.
        width = draw_log_uniform(rng, min(0.2, 0.6 / season), 0.25, series)
        sharpness = np.log(2) / (1 - np.cos(2 * np.pi * width))
        size = draw_log_uniform(rng, 0.3, 1, series) * (rng.random(series) < 0.5**number)
        profile += size * np.exp(sharpness * (np.cos(time - center) - 1))
    return sign * profile


def draw_block_profile(rng: Generator, season: int, series: int) -> Profile:
    """Return one of two levels: high in a part of the cycle, such as weekdays or opening hours."""
    width = np.maximum(1, np.round(rng.uniform(0.15, 0.85, series) * season))
    start = rng.integers(0, season, series)
    inside = (np.arange(season)[:, None] - start) % season < width
    return inside + 0.15 * rng.standard_normal((season, series)) * (rng.random(series) < 0.7)


PROFILES = {
    "fourier": draw_fourier_profile,
    "free": draw_free_profile,
    "rough": draw_rough_profile,
    "peaked": draw_peaked_profile,
    "block": draw_block_profile,
}
SHORT_WEIGHTS = {"fourier": 0.25, "free": 0.33, "rough": 0.22, "peaked": 0.13, "block": 0.07}
"""Kinds of profiles of seasons up to 13 rows."""
LONG_WEIGHTS = {"fourier": 0.4, "free": 0.05, "rough": 0.25, "peaked": 0.2, "block": 0.1}
"""Kinds of profiles of longer seasons, whose neighbours are alike."""
LONGEST_SHORT = 13


def draw_profile(rng: Generator, season: int, series: int) -> Profile:
    """Return a profile of mean 0 and deviation 1 for each series, of a kind drawn for it."""
    weights = SHORT_WEIGHTS if season <= LONGEST_SHORT else LONG_WEIGHTS
    kinds = draw_kinds(rng, weights, series)
    profile = np.empty((season, series))
    for kind, draw in PROFILES.items():
        chosen = np.flatnonzero(kinds == kind)
        if len(chosen):
            profile[:, chosen] = draw(rng, season, len(chosen))
    return standardize_profile(profile)


def repeat_profile(profile: Profile, steps: int) -> Values:
    """Return the profile repeated over the steps."""
    return profile[np.arange(steps) % len(profile)]


def draw_evolution(
    rng: Generator, season: int, span: Span, rate: Float[np.ndarray, " series"]
) -> Values:
    """Return changes of the profile that add up from cycle to cycle, 0 in the first one.

    Each row of the cycle walks with steps of deviation `rate`; the mean of a cycle stays 0.
    """
    cycles = -(-span.steps // season)
    changes = rng.standard_normal((cycles, season, span.series)) * rate
    changes -= changes.mean(1, keepdims=True)
    changes[0] = 0.0
    return np.cumsum(changes, 0).reshape(cycles * season, -1)[: span.steps]


def draw_moving_peak(rng: Generator, season: int, span: Span) -> Values:
    """Return one peak or dip a cycle that moves by up to 3 % of it: Easter, Ramadan, a release."""
    cycles = -(-span.steps // season)
    reach = max(0.03 * season, 0.7)
    center = rng.uniform(0, season, span.series)
    center = np.floor(center + rng.uniform(-reach, reach, (cycles, span.series)))
    width = max(0.01 * season, 0.4)
    distance = np.arange(season)[:, None] - center[:, None]
    distance = np.abs((distance + season / 2) % season - season / 2)
    peaks = np.exp(-0.5 * (distance / width) ** 2).reshape(cycles * season, -1)
    return peaks[: span.steps] * rng.choice([-1.0, 1.0, 1.0], span.series)


def draw_amplitude(rng: Generator, span: Span) -> Values:
    """Return a positive factor that goes evenly from 1 to 1/3 to 3 at the forecast origin."""
    change = np.clip(0.5 * rng.standard_normal(span.series), -1.1, 1.1)
    return np.exp(change * np.minimum(span.elapse(), 1.3))


EVOLVING_SHARE = 0.45
"""Share of the seasons that change from cycle to cycle."""
MOVING_SHARE = 0.06
"""Share of the seasons with a peak that moves."""
SWELLING_SHARE = 0.2
"""Share of the seasons whose amplitude grows or falls."""
SWITCHING_SHARE = 0.03
"""Share of the seasons that change their profile at once."""


def draw_season(rng: Generator, season: int, span: Span) -> Values:
    """Return seasons of deviation about 1, fixed or changing in one of four ways."""
    profile = draw_profile(rng, season, span.series)
    values = repeat_profile(profile, span.steps)
    chosen = np.flatnonzero(rng.random(span.series) < EVOLVING_SHARE)
    if len(chosen):
        rate = draw_log_uniform(rng, 0.01, 0.4, len(chosen))
        values[:, chosen] += draw_evolution(rng, season, span.take(chosen), rate)
    chosen = np.flatnonzero(rng.random(span.series) < MOVING_SHARE)
    if len(chosen):
        size = draw_log_uniform(rng, 0.5, 3, len(chosen))
        values[:, chosen] += size * draw_moving_peak(rng, season, span.take(chosen))
    chosen = np.flatnonzero(rng.random(span.series) < SWELLING_SHARE)
    values[:, chosen] *= draw_amplitude(rng, span)[:, chosen]
    chosen = np.flatnonzero(rng.random(span.series) < SWITCHING_SHARE)
    if len(chosen):
        other = repeat_profile(draw_profile(rng, season, len(chosen)), span.steps)
        after = span.elapse()[:, chosen] > rng.uniform(0.2, 0.95, len(chosen))
        values[:, chosen] = np.where(after, other, values[:, chosen])
    return values
