"""Breaks and outliers: where they are, and their shape."""

import numpy as np
import pytest

from revin_forecast.pretrained.generator import breaks
from revin_forecast.pretrained.generator.span import Span

SPAN = Span(np.full(4000, 100), 20, 120)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_many_breaks_are_near_the_origin_and_a_few_after_it(rng):
    before = SPAN.lengths - breaks.draw_break_steps(rng, SPAN)
    near = (before >= 1) & (before <= breaks.NEAR_ROWS)
    anywhere = 1 - breaks.NEAR_SHARE - breaks.AFTER_SHARE
    assert near.mean() == pytest.approx(breaks.NEAR_SHARE + anywhere * 12 / 95, abs=0.03)
    assert (before <= 0).mean() == pytest.approx(breaks.AFTER_SHARE, abs=0.015)


def test_a_shift_is_one_step_that_stays(rng):
    values = breaks.draw_level_shift(rng, SPAN)
    assert not values[0].any()
    assert (np.abs(values[-1]) == 1).all()
    assert (np.abs(np.diff(values, axis=0)).sum(0) == 1).all()


def test_a_temporary_change_decays_by_one_factor(rng):
    values = np.abs(breaks.draw_temporary_change(rng, SPAN))
    first = values.argmax(0)
    early = np.flatnonzero(first < 110)
    ratios = np.array([values[first[early] + k + 1, early] for k in range(3)])
    assert values.max(0) == pytest.approx(np.ones(4000))
    assert ratios[1] == pytest.approx(ratios[0] ** 2)
    assert ratios[2] == pytest.approx(ratios[0] ** 3)


def test_a_ramp_ends_after_2_to_12_rows(rng):
    values = np.abs(breaks.draw_ramp(rng, SPAN))
    rows = ((values > 0) & (values < 1)).sum(0) + 1
    assert set(rows[values[-1] == 1]) == set(range(2, 13))


def test_outliers_are_rare_and_large_and_some_are_in_the_last_rows(rng):
    values = breaks.draw_outliers(rng, SPAN)
    marked = values != 0
    assert 0.02 < marked.mean() < 0.06
    assert 3 < np.median(np.abs(values[marked])) < 10
    assert 0.25 < marked[97:100].any(0).mean() < 0.6
