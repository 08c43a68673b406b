"""Recursions over time agree with their formulas, step by step."""

import numpy as np
import pytest

from revin_forecast.pretrained.generator import recursions
from revin_forecast.pretrained.generator.recursions import SmoothingParameters
from revin_forecast.pretrained.generator.span import Span


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def make_span(series=400, rows=150):
    return Span(np.full(series, rows), 10, rows + 10)


@pytest.mark.parametrize("steps", [1, 2, 7, 64])
def test_the_filter_is_the_recursion(rng, steps):
    shocks, memory = rng.standard_normal((steps, 3)), np.array([0.9, -0.5, 1.0])
    expected = shocks.copy()
    for step in range(1, steps):
        expected[step] += memory * expected[step - 1]
    assert recursions.filter_autoregression(shocks, memory) == pytest.approx(expected)


@pytest.mark.parametrize("season", [1, 4])
def test_smoothing_follows_its_states(rng, season):
    """The errors that produced the series are those that ETS makes on it."""
    errors, profile = rng.standard_normal((30, 2)), rng.standard_normal((season, 2))
    gamma = np.array([0.2, 0.4]) * (season > 1)
    alpha, beta, phi = np.array([0.3, 1.0]), np.array([0.1, 0.02]), np.array([0.9, 1.0])
    slope = np.array([0.5, -1.0])
    values = recursions.run_smoothing(
        errors, SmoothingParameters(alpha, beta, gamma, phi, slope), profile
    )
    level, states = np.zeros(2), profile.copy()
    for step, (value, error) in enumerate(zip(values, errors, strict=True)):
        seasonal = states[step % season].copy()
        assert value - (level + phi * slope + seasonal) == pytest.approx(error)
        level = level + phi * slope + alpha * error
        slope = phi * slope + beta * error
        states[step % season] = seasonal + gamma * error


@pytest.mark.parametrize("memory", [-0.4, 0.5, 0.95])
def test_an_autoregression_is_stationary_from_the_first_step_on(rng, memory):
    values = recursions.draw_autoregression(rng, make_span(4000), np.full(4000, memory))
    assert values[0].var() == pytest.approx(1, abs=0.1)
    assert values[-1].var() == pytest.approx(1, abs=0.1)
    assert (values[50] * values[49]).mean() == pytest.approx(memory, abs=0.08)


def test_a_cycle_is_a_second_order_autoregression(rng):
    """x_t - 2 r cos(2 pi / P) x_{t-1} + r^2 x_{t-2} is white: OLS of order 2 leaves no memory."""
    values = recursions.draw_cycle(rng, make_span(200, 400))
    sizes = values.std(1)
    assert sizes[:10].mean() == pytest.approx(sizes[-10:].mean(), rel=0.25)
    for series in values.T[:20]:
        lags = np.column_stack([series[1:-1], series[:-2]])
        coefficients, *_ = np.linalg.lstsq(lags, series[2:], rcond=None)
        rest = series[2:] - lags @ coefficients
        assert abs(np.corrcoef(rest[1:], rest[:-1])[0, 1]) < 0.2
        assert coefficients[1] < -0.4  # complex roots


def test_long_memory_forgets_slower_than_an_autoregression(rng):
    values = recursions.draw_long_memory(rng, make_span(3000))
    correlation = [(values[140] * values[140 - lag]).mean() for lag in (1, 10, 40)]
    assert correlation[2] > 1.5 * correlation[0] * (correlation[1] / correlation[0]) ** (39 / 9)
