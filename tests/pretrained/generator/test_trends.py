"""Paths of the level: smoothness, drift and formulas."""

import numpy as np
import pytest

from revin_forecast.pretrained.generator import trends
from revin_forecast.pretrained.generator.span import Span

SPAN = Span(np.full(500, 100), 20, 120)


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def test_a_walk_has_independent_steps_of_variance_1(rng):
    steps = np.diff(trends.draw_walk(rng, SPAN), axis=0)
    assert steps.var() == pytest.approx(1, rel=0.02)
    assert (steps[1:] * steps[:-1]).mean() == pytest.approx(0, abs=0.02)


def roughness(path):
    """Return the deviation of second over that of first differences, the median of the series."""
    return np.median(np.diff(path, 2, axis=0).std(0) / np.abs(np.diff(path, axis=0)).mean(0))


def test_smooth_paths_continue_their_last_slope(rng):
    very_smooth = roughness(trends.draw_very_smooth(rng, SPAN))
    smooth = roughness(trends.draw_smooth(rng, SPAN))
    assert very_smooth < 0.1 < smooth < 0.5 < roughness(trends.draw_walk(rng, SPAN))


def test_a_line_is_the_time_since_the_first_row(rng):
    path = trends.draw_linear(rng, Span(np.array([10, 100]), 5, 105))
    assert np.abs(path[[0, 10], [0, 0]]) == pytest.approx([0, 1])
    assert np.abs(path[100, 1]) == pytest.approx(1)


def test_a_broken_line_is_straight_between_its_breaks(rng):
    bends = np.abs(np.diff(trends.draw_broken(rng, SPAN), 2, axis=0)) > 1e-9
    # A break between two rows bends two second differences.
    assert bends.any(0).mean() > 0.7
    assert bends.sum(0).max() <= 2 * (trends.MAX_SLOPES - 1)


@pytest.mark.parametrize("draw", [trends.draw_saturating, trends.draw_logistic])
def test_bounded_growth_stays_in_its_bounds(rng, draw):
    path = draw(rng, SPAN)
    assert np.abs(path).max() <= 1
    steps = np.diff(path, axis=0)
    assert ((steps >= 0).all(0) | (steps <= 0).all(0)).all()


def test_exponential_growth_has_one_rate(rng):
    steps = np.diff(np.log(trends.draw_exponential(rng, SPAN)), axis=0)
    assert steps == pytest.approx(np.broadcast_to(steps[0], steps.shape))
    assert 0.3 <= 100 * np.abs(steps).min() <= 100 * np.abs(steps).max() <= 3.0001
