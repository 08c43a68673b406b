"""Kinds of noise: unit variance, tails, memory and changing variance."""

import numpy as np
import pytest

from revin_forecast.pretrained.generator import noise
from revin_forecast.pretrained.generator.span import Span

SPAN = Span(np.full(2000, 180), 20, 200)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize("kind", noise.NOISES)
def test_noise_has_mean_0_and_variance_1(rng, kind):
    values = noise.NOISES[kind](rng, SPAN)
    assert values.mean() == pytest.approx(0, abs=0.02)
    # The variance of Student's t with few degrees of freedom is found slowly.
    assert values.var() == pytest.approx(1, abs=0.15 if kind == "heavy" else 0.05)


@pytest.mark.parametrize("kind", ["heavy", "skewed", "clustered"])
def test_tails_are_heavier_than_those_of_the_normal(rng, kind):
    large = (np.abs(noise.NOISES[kind](rng, SPAN)) > 4).mean()
    assert large > 20 * 6.3e-5


def test_volatility_comes_in_clusters(rng):
    sizes = np.abs(noise.draw_clustered_noise(rng, SPAN))
    sizes -= sizes.mean(0)
    assert (sizes[1:] * sizes[:-1]).mean() / (sizes**2).mean() > 0.08


def test_variance_changes_by_at_most_four_squared(rng):
    factor = noise.draw_volatility(rng, SPAN)
    assert factor[0] == pytest.approx(1)
    assert 0.15 < factor.min() < 0.4
    assert 2.5 < factor.max() < 6
