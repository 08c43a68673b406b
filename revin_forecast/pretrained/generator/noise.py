"""Noise around a path: light and heavy tails, clusters of volatility, changing variance."""

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from revin_forecast.pretrained.generator.recursions import draw_autoregression
from revin_forecast.pretrained.generator.span import (
    Span,
    draw_by_kind,
    draw_kinds,
    draw_log_uniform,
)

Noise = Float[np.ndarray, "steps series"]


def draw_gaussian_noise(rng: Generator, span: Span) -> Noise:
    """Return independent normal noise of variance 1."""
    return rng.standard_normal((span.steps, span.series))


def draw_heavy_noise(rng: Generator, span: Span) -> Noise:
    """Return Student's t of 2.5 to 8 degrees of freedom, scaled to variance 1."""
    freedom = draw_log_uniform(rng, 2.5, 8, span.series)
    noise = rng.standard_t(freedom, (span.steps, span.series))
    return noise * np.sqrt((freedom - 2) / freedom)


def draw_skewed_noise(rng: Generator, span: Span) -> Noise:
    """Return (log-normal - mean) / deviation, with either sign: rare large values on one side."""
    shape = rng.uniform(0.2, 0.8, span.series)
    noise = np.exp(shape * rng.standard_normal((span.steps, span.series)))
    mean, variance = np.exp(shape**2 / 2), (np.exp(shape**2) - 1) * np.exp(shape**2)
    return (noise - mean) / np.sqrt(variance) * rng.choice([-1, 1, 1], span.series)


def draw_correlated_noise(rng: Generator, span: Span) -> Noise:
    """Return an AR(1) of variance 1 with a coefficient between -.5 and .8."""
    return draw_autoregression(rng, span, rng.uniform(-0.5, 0.8, span.series))


def draw_clustered_noise(rng: Generator, span: Span) -> Noise:
    """Return stochastic volatility (Taylor, 1986): normal noise times exp(v / 2), of variance 1.

    v is an AR(1) of deviation .4 to 1.2 that forgets in 5 to 100 steps: calm and wild times.
    """
    memory = np.exp(-1 / draw_log_uniform(rng, 5, 100, span.series))
    deviation = rng.uniform(0.4, 1.2, span.series)
    volatility = np.exp(deviation * draw_autoregression(rng, span, memory) / 2)
    mean_square = np.exp(deviation**2 / 2)
    return rng.standard_normal((span.steps, span.series)) * volatility / np.sqrt(mean_square)


def draw_volatility(rng: Generator, span: Span) -> Noise:
    """Return a positive factor of the noise that changes at one time by a factor of 1/4 to 4.

    Half of the changes are sudden, the others are even over the past.
    """
    change = np.clip(0.7 * rng.standard_normal(span.series), -1.4, 1.4)
    at = rng.uniform(0.1, 1.0, span.series)
    elapsed = span.elapse()
    sudden = rng.random(span.series) < 0.5
    return np.exp(change * np.where(sudden, elapsed > at, np.clip(elapsed, 0, 1.2)))


NOISES = {
    "gaussian": draw_gaussian_noise,
    "heavy": draw_heavy_noise,
    "skewed": draw_skewed_noise,
    "correlated": draw_correlated_noise,
    "clustered": draw_clustered_noise,
}
NOISE_WEIGHTS = {
    "gaussian": 0.55,
    "heavy": 0.15,
    "skewed": 0.07,
    "correlated": 0.15,
    "clustered": 0.08,
}
CHANGING_SHARE = 0.15
"""Share of the series whose variance changes."""


def draw_noise(rng: Generator, span: Span) -> Noise:
    """Return noise of a kind drawn for each series; the variance of a share changes."""
    noise = draw_by_kind(rng, span, NOISES, draw_kinds(rng, NOISE_WEIGHTS, span.series))
    chosen = np.flatnonzero(rng.random(span.series) < CHANGING_SHARE)
    if len(chosen):
        noise[:, chosen] *= draw_volatility(rng, span.take(chosen))
    return noise
