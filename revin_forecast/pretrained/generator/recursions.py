"""Stochastic processes that are recursions over time, run for all series at once."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from revin_forecast.pretrained.generator.span import Span, Values, draw_log_uniform

Numbers = Float[np.ndarray, " series"]
LONG_MEMORY_TIMES = (1.5, 6.0, 25.0, 100.0)
"""Steps in which the parts of a long memory forget: about spread evenly on a logarithmic scale."""


class SmoothingParameters(NamedTuple):
    """Parameters of ETS and its first slope, each (series,)."""

    alpha: Numbers
    """Share of an error that changes the level."""
    beta: Numbers
    """Share of an error that changes the slope."""
    gamma: Numbers
    """Share of an error that changes the season."""
    phi: Numbers
    """Factor of the slope in each step; 1: not damped."""
    slope: Numbers
    """The slope before the first step."""


def filter_autoregression(shocks: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """Return x_t = memory x_{t-1} + shock_t, from x = 0 before the first step.

    The sum of memory^k shock_{t-k} over k < 2 d is that over k < d plus memory^d times the same one
    d steps before, so that log2(steps) passes suffice and there is no loop over the steps.

    Args:
        shocks: (steps, series), real or complex.
        memory: (series,), real or complex, at most 1 in size.
    """
    values, power, distance = shocks.copy(), memory, 1
    while distance < len(values):
        values[distance:] += power * values[:-distance]
        power, distance = power * power, 2 * distance
    return values


def draw_autoregression(rng: Generator, span: Span, first: Float[np.ndarray, " series"]) -> Values:
    """Return x_t = first x_{t-1} + e_t with variance 1, stationary from the first step on."""
    shocks = rng.standard_normal((span.steps, span.series))
    shocks[1:] *= np.sqrt(1 - first**2)
    return filter_autoregression(shocks, first)


def draw_short_memory(rng: Generator, span: Span) -> Values:
    """Return an AR(1) with a coefficient between -.4 and .95, mostly positive."""
    first = np.where(
        rng.random(span.series) < 0.15,
        rng.uniform(-0.4, 0.0, span.series),
        rng.uniform(0.1, 0.95, span.series),
    )
    return draw_autoregression(rng, span, first)


def draw_reversion(rng: Generator, span: Span) -> Values:
    """Return an AR(1) that forgets in 8 to 150 steps: reversion to a mean seen only in part."""
    return draw_autoregression(rng, span, np.exp(-1 / draw_log_uniform(rng, 8, 150, span.series)))


def draw_cycle(rng: Generator, span: Span) -> Values:
    """Return an AR(2) x_t = 2 r cos(2 pi / P) x_{t-1} - r^2 x_{t-2} + e_t: a cycle of P steps.

    P is 5 to 60 steps, log-uniform, and r .8 to .99. It is the imaginary part of p z_t / Im(p),
    where p = r exp(2 pi i / P) and z is a complex AR(1), z_t = p z_{t-1} + e_t. The first z has the
    stationary size, so that the cycle needs no time to grow.
    """
    period = draw_log_uniform(rng, 5, 60, span.series)
    radius = 1 - draw_log_uniform(rng, 0.01, 0.2, span.series)
    pole = radius * np.exp(2j * np.pi / period)
    shocks = rng.standard_normal((span.steps, span.series)).astype(complex)
    # A stationary complex AR(1) has the variance 1 / (1 - |pole|^2).
    shocks[0] += 1j * rng.standard_normal(span.series)
    shocks[0] /= np.sqrt(2 * (1 - radius**2))
    path = filter_autoregression(shocks, pole)
    return np.imag(pole * path) / np.imag(pole)


def draw_mixed_memory(rng: Generator, span: Span) -> Values:
    """Return an ARMA(1, 1): x_t = a x_{t-1} + e_t + b e_{t-1}, a in (.3, .97), b in (-.8, .5)."""
    shocks = rng.standard_normal((span.steps, span.series))
    shocks[1:] += rng.uniform(-0.8, 0.5, span.series) * shocks[:-1]
    return filter_autoregression(shocks, rng.uniform(0.3, 0.97, span.series))


def draw_long_memory(rng: Generator, span: Span) -> Values:
    """Return a sum of AR(1)s that forget in 1.5 to 100 steps: close to fractional noise.

    The variance of a part grows as (its time) to the power 2 d - 1 + 1, d between 0 and .5, as the
    spectrum of fractional noise does.
    """
    power = rng.uniform(0.1, 0.9, span.series)
    total = np.zeros((span.steps, span.series))
    for time in LONG_MEMORY_TIMES:
        part = draw_autoregression(rng, span, np.full(span.series, np.exp(-1 / time)))
        total += time ** ((power - 0.4) / 2) * part
    return total


def run_smoothing(
    errors: Values, parameters: SmoothingParameters, profile: Float[np.ndarray, "season series"]
) -> Values:
    """Return the series of ETS that has the given one-step errors, from the level 0 on.

    y_t = l + phi b + s + e; l <- l + phi b + alpha e; b <- phi b + beta e; s <- s + gamma e
    (Hyndman, Koehler, Ord & Snyder, 2008). The errors are given, so that the states are linear in
    them: b is an AR(1), and l and s are sums over the steps and over the cycles.

    Args:
        errors: (steps, series).
        parameters: of each series.
        profile: first seasonal states.
    """
    steps, series = errors.shape
    season = len(profile)
    shocks = np.vstack([parameters.slope, parameters.beta * errors])
    # Row t of `slopes` and `levels` is the state before step t.
    slopes = parameters.phi * filter_autoregression(shocks, parameters.phi)[:-1]
    levels = np.cumsum(slopes + parameters.alpha * errors, 0)
    values = slopes + errors
    values[1:] += levels[:-1]
    cycles = -(-steps // season)
    changes = np.zeros((cycles * season, series))
    changes[:steps] = parameters.gamma * errors
    states = np.cumsum(changes.reshape(cycles, season, series), 0)
    states = profile + np.concatenate([np.zeros_like(states[:1]), states[:-1]])
    return values + states.reshape(cycles * season, series)[:steps]


def draw_smoothing_parameters(rng: Generator, series: int, has_season: bool) -> SmoothingParameters:
    """Return parameters of ETS: alpha is .01 to 1, beta .003 to .3 of it, both log-uniform.

    Half of the series have no trend, most of the others a damped one.
    """
    alpha = draw_log_uniform(rng, 0.01, 1.0, series)
    has_trend = rng.random(series) < 0.5
    phi = np.where(rng.random(series) < 0.7, rng.uniform(0.8, 0.98, series), 1.0)
    beta = alpha * draw_log_uniform(rng, 0.003, 0.3, series) * has_trend
    beta[phi == 1.0] *= 0.2
    gamma = (1 - alpha) * draw_log_uniform(rng, 0.002, 0.5, series) * has_season
    gamma[rng.random(series) < 0.3] = 0.0
    slope = rng.standard_normal(series) * draw_log_uniform(rng, 0.01, 0.3, series) * has_trend
    return SmoothingParameters(alpha, beta, gamma, phi, slope)
