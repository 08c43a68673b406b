"""Paths of the level of a series: walks, smooth growth and trends with a formula."""

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from revin_forecast.pretrained.generator.recursions import (
    draw_autoregression,
    filter_autoregression,
)
from revin_forecast.pretrained.generator.span import Span, draw_log_uniform

Path = Float[np.ndarray, "steps series"]
MAX_SLOPES = 4


def draw_constant(rng: Generator, span: Span) -> Path:
    """Return zeros: the level stays."""
    return np.zeros((span.steps, span.series))


def draw_walk(rng: Generator, span: Span) -> Path:
    """Return a random walk without drift, with steps of variance 1."""
    return np.cumsum(rng.standard_normal((span.steps, span.series)), 0)


def draw_drifting_walk(rng: Generator, span: Span) -> Path:
    """Return a random walk with a drift of .01 to .5 of the deviation of its steps."""
    drift = draw_log_uniform(rng, 0.01, 0.5, span.series) * rng.choice([-1, 1, 1], span.series)
    return np.cumsum(rng.standard_normal((span.steps, span.series)) + drift, 0)


def draw_correlated_walk(rng: Generator, span: Span) -> Path:
    """Return a walk whose steps are an AR(1) of -.3 to .7: ARIMA(1, 1, 0), with a small drift."""
    steps = draw_autoregression(rng, span, rng.uniform(-0.3, 0.7, span.series))
    drift = 0.3 * rng.standard_normal(span.series) * (rng.random(span.series) < 0.5)
    return np.cumsum(steps + drift, 0)


def draw_local_trend(rng: Generator, span: Span) -> Path:
    """Return a walk whose slope is itself a damped walk: a local trend.

    The slope forgets in 3 to 60 steps; it makes .05 to .7 of the deviation of a step of the walk.
    """
    memory = np.exp(-1 / draw_log_uniform(rng, 3, 60, span.series))
    slope = draw_autoregression(rng, span, memory)
    slope *= draw_log_uniform(rng, 0.05, 0.7, span.series)
    return np.cumsum(slope + rng.standard_normal((span.steps, span.series)), 0)


def draw_smooth(rng: Generator, span: Span) -> Path:
    """Return an integrated AR(1) slope around a mean growth: national accounts, prices, debt.

    The slope forgets in 2 to 60 steps, and its deviation is .05 to 3 times the mean growth, so that
    many series grow almost evenly, and others turn.
    """
    memory = np.exp(-1 / draw_log_uniform(rng, 2, 60, span.series))
    slope = draw_autoregression(rng, span, memory)
    slope *= draw_log_uniform(rng, 0.05, 3, span.series)
    return np.cumsum(slope + rng.choice([-1, 1, 1, 1], span.series), 0)


def draw_very_smooth(rng: Generator, span: Span) -> Path:
    """Return a path whose slope is a moving mean of an AR(1): population, stocks of debt.

    The slope is smoothed once more with weights that forget in 2 to 8 steps, so that the last
    slope continues and even its change does.
    """
    memory = np.exp(-1 / draw_log_uniform(rng, 8, 120, span.series))
    slope = draw_autoregression(rng, span, memory)
    weight = np.exp(-1 / draw_log_uniform(rng, 2, 8, span.series))
    slope[1:] *= 1 - weight
    slope = filter_autoregression(slope, weight)
    slope *= draw_log_uniform(rng, 0.05, 3, span.series)
    return np.cumsum(slope + rng.choice([-1, 1, 1, 1], span.series), 0)


def draw_linear(rng: Generator, span: Span) -> Path:
    """Return the time, 0 at the first row and 1 at the forecast origin, with either sign."""
    return span.elapse() * rng.choice([-1, 1], span.series)


def draw_broken(rng: Generator, span: Span) -> Path:
    """Return a line whose slope changes at up to three times; a slope may be nearly 0.

    The slopes are normal times a log-uniform size, one of the breaks is often in the last quarter.
    """
    elapsed = span.elapse()
    path = elapsed * rng.standard_normal(span.series)
    for number in range(1, MAX_SLOPES):
        low = 0.7 if number == 1 else 0.05
        at = rng.uniform(low, 0.97, span.series)
        change = rng.standard_normal(span.series) * (rng.random(span.series) < 0.7)
        path += change * np.maximum(elapsed - at, 0)
    return path


def draw_saturating(rng: Generator, span: Span) -> Path:
    """Return 1 - exp(-t / T), with T .1 to 1 of the past: growth that slows down."""
    time = draw_log_uniform(rng, 0.1, 1, span.series)
    return (1 - np.exp(-span.elapse() / time)) * rng.choice([-1, 1], span.series)


def draw_logistic(rng: Generator, span: Span) -> Path:
    """Return 1 / (1 + exp(-(t - c) / w)), c between .1 and 1.2 of the past: adoption."""
    center = rng.uniform(0.1, 1.2, span.series)
    width = draw_log_uniform(rng, 0.04, 0.25, span.series)
    return rng.choice([-1, 1], span.series) / (1 + np.exp((center - span.elapse()) / width))


def draw_exponential(rng: Generator, span: Span) -> Path:
    """Return exp(r t), r between .3 and 3 over the past, growth or decay."""
    rate = draw_log_uniform(rng, 0.3, 3, span.series) * rng.choice([-1, 1], span.series)
    return np.exp(rate * np.minimum(span.elapse(), 2.0))


def draw_waves(rng: Generator, span: Span) -> Path:
    """Return two slow waves of .5 to 4 lengths of the past: swings without a fixed period."""
    elapsed = span.elapse()
    path = np.zeros((span.steps, span.series))
    for _ in range(2):
        period = draw_log_uniform(rng, 0.5, 4, span.series)
        phase = rng.uniform(0, 2 * np.pi, span.series)
        path += rng.standard_normal(span.series) * np.sin(2 * np.pi * elapsed / period + phase)
    return path
