"""Counts, intermittent demand, openings and the lattice of rounded values."""

import numpy as np
import pytest

from revin_forecast.pretrained.generator import counts
from revin_forecast.pretrained.generator.span import Span

SPAN = Span(np.full(1000, 180), 20, 200)


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def test_counts_have_their_mean_and_at_least_the_variance_of_a_poisson(rng):
    values = counts.draw_counts(rng, np.full((400, 600), 6.0))
    assert (values == np.round(values)).all()
    assert values.mean() == pytest.approx(6, rel=0.03)
    dispersion = values.var(0) / values.mean(0)
    assert np.quantile(dispersion, 0.25) == pytest.approx(1, abs=0.15)
    assert np.quantile(dispersion, 0.9) > 2


def test_counts_of_a_huge_rate_stay_finite(rng):
    assert counts.draw_counts(rng, np.full((5, 9), 1e30)).max() < 1e8


def test_intermittent_demand_is_mostly_0_and_whole(rng):
    values = counts.draw_intermittent(rng, SPAN)
    assert (values == np.round(values)).all()
    assert values.min() == 0
    assert 0.1 < (values > 0).mean() < 0.4
    # Some series trade in lots of a fixed size.
    lots = ((values % 10 == 0).all(0) & values.any(0)).mean()
    assert 0.03 < lots < 0.2


def test_some_intermittent_demand_has_a_season(rng):
    """The shares of demand at the rows of a cycle vary more than chance alone allows."""
    shares = []
    for season in (1, 7):
        demand = counts.draw_intermittent(rng, SPAN, season)[:196] > 0
        busy = demand[:, demand.mean(0) > 0.2]
        chance = busy.mean(0) * (1 - busy.mean(0)) / 28
        shares.append((busy.reshape(28, 7, -1).mean(0).var(0, ddof=1) / chance > 2.5).mean())
    assert shares[0] < 0.05
    assert shares[1] > 0.25


def test_openings_close_the_same_rows_of_each_cycle(rng):
    values = counts.draw_openings(rng, SPAN, 7)
    assert set(np.unique(values)) == {0, 1}
    assert (values[7:] == values[:-7]).all()
    closed = 7 - values[:7].sum(0)
    assert set(closed) <= {1, 2, 3}


def test_rounded_values_are_multiples(rng):
    values = counts.round_to_lattice(np.array([[0.26, 17.0], [0.9, -4.0]]), np.array([0.5, 10]))
    assert values == pytest.approx(np.array([[0.5, 20], [1, 0]]))
