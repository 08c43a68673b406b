"""Transforms from a standardized series to amounts, shares, counts and signed values."""

import numpy as np
import pytest

from revin_forecast.pretrained.generator import transforms
from revin_forecast.pretrained.generator.span import Span, measure_deviation

SPAN = Span(np.tile([20, 100], 200), 20, 120)


@pytest.fixture
def rng():
    return np.random.default_rng(9)


@pytest.fixture
def values(rng):
    walk = np.cumsum(rng.standard_normal((120, 400)), 0)
    mean, deviation = measure_deviation(walk, SPAN)
    return (walk - mean) / deviation


@pytest.mark.parametrize("kind", transforms.TRANSFORMS)
def test_transforms_keep_the_order_of_values(rng, values, kind):
    result = transforms.TRANSFORMS[kind](rng, values, SPAN)
    used = SPAN.mark_used()
    assert np.isfinite(result[used]).all()
    if kind in transforms.AMOUNTS:
        assert result[used].min() >= 0
    else:
        assert result[used].min() < 0
    if kind == "counts":
        return  # drawn around a rate that keeps the order
    for column in range(20):
        inside = used[:, column]
        order = np.argsort(values[inside, column], kind="stable")
        assert (np.diff(result[inside, column][order]) >= 0).all()


def test_a_logarithm_rises_no_further_than_allowed(values):
    deviation = transforms.limit_logarithms(values, np.full(400, 2.0), SPAN)
    inside, past = SPAN.mark_used(), SPAN.mark_past()
    logarithms = deviation * values
    highest_past = np.where(past, logarithms, -np.inf).max(0)
    highest = np.where(inside, logarithms, -np.inf).max(0)
    assert highest_past.max() <= transforms.MAX_LOG_RISE + 1e-9
    assert (highest - highest_past).max() == pytest.approx(transforms.MAX_LOG_GAIN)
    assert deviation.max() <= 2


def test_additive_amounts_stay_above_0(rng, values):
    result = transforms.to_amount(rng, values, SPAN)
    assert np.where(SPAN.mark_used(), result, 1).min() > 0


def test_a_share_is_below_its_capacity(rng, values):
    result = transforms.to_share(rng, values, SPAN)
    assert 0.3 < (result.max(0) < 1).mean() < 0.6
    assert 0.5 < (result.max(0) < 100).mean() < 0.9


def test_censored_amounts_are_0_for_a_part_of_the_time(rng, values):
    past = SPAN.mark_past()
    share = (transforms.to_censored(rng, values, SPAN)[past] == 0).mean()
    assert 0.15 < share < 0.5


def test_a_share_of_the_series_is_rounded(rng, values):
    values = 1000 * values
    rounded = transforms.round_values(rng, values, SPAN)
    changed = (rounded != values).any(0)
    assert changed.mean() == pytest.approx(transforms.ROUNDED_SHARE, abs=0.08)
    deviation = measure_deviation(values, SPAN)[1]
    assert (np.abs(rounded - values).max(0) / deviation).max() < 0.5
