"""TSB follows its recursions, leaves gaps out and averages its grid by likelihood."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast import TSB, Reversible, RevIN

ALPHAS, BETAS = (0.05, 0.1, 0.2, 0.3), (0.02, 0.05, 0.1, 0.2)


def smooth(values, weight, start):
    """Return the states before each value, and the last one."""
    states, state = [], start
    for value in values:
        states.append(state)
        state += weight * (value - state)
    return np.array(states), state


def average(states, criteria):
    weight = np.exp(-(np.array(criteria) - min(criteria)) / 4)
    return weight @ np.array(states) / weight.sum()


def recursive_tsb(window):
    """Return the rate of a window of numbers, NaN where unobserved, by the recursions."""
    seen = window[np.isfinite(window)]
    occurs = (seen > 0).astype(float)
    first = max(8, len(window) // 4)
    start = (occurs[:first].sum() + 0.5) / (min(first, len(seen)) + 1)
    states, criteria = [], []
    for beta in BETAS:
        ahead, state = smooth(occurs, beta, start)
        likelihood = np.where(occurs > 0, ahead, 1 - ahead)[first:]
        criteria.append(-2 * np.log(np.maximum(likelihood, 1e-3)).sum())
        states.append(state)
    probability = average(states, criteria)
    sizes = seen[seen > 0]
    if not len(sizes):
        return 0.0
    first = min(max(2, len(sizes) // 4), len(sizes))
    states, criteria = [], []
    for alpha in ALPHAS:
        ahead, state = smooth(sizes, alpha, sizes[:first].mean())
        errors = (sizes - ahead)[first:] / sizes[:first].mean()
        criteria.append(len(errors) * np.log(np.square(errors).mean()) if len(errors) else 0.0)
        states.append(state)
    return probability * average(states, criteria)


def draw_demand(seed, steps=90, rate=0.3):
    random = np.random.default_rng(seed)
    return np.where(random.random(steps) < rate, random.gamma(2, 3, steps), 0)


@pytest.mark.parametrize("seed", range(4))
def test_the_products_equal_the_recursions(seed):
    demand = draw_demand(seed)
    forecast = TSB(90, 3, 1).double()(torch.from_numpy(demand).reshape(1, 90, 1))
    assert forecast.flatten().tolist() == pytest.approx([recursive_tsb(demand)] * 3, rel=1e-5)


def test_gaps_are_left_out():
    demand = draw_demand(7)
    gappy = np.insert(demand, [10, 40, 41, 90], np.nan)
    past = torch.from_numpy(np.nan_to_num(gappy, nan=99.0)).reshape(1, 94, 1)
    observed = torch.from_numpy(np.isfinite(gappy)).reshape(1, 94, 1)
    forecast = TSB(94, 1, 1).double()(past, observed)
    assert forecast.item() == pytest.approx(recursive_tsb(gappy), rel=1e-5)
    assert TSB(94, 1, 1)(past.float(), torch.zeros_like(observed)).item() == 0


@given(st.integers(0, 1000), st.floats(0.01, 1e4), st.floats(-1e3, 1e3))
@settings(max_examples=20, deadline=None)
def test_it_moves_with_the_data(seed, scale, shift):
    demand = torch.from_numpy(draw_demand(seed, 40)).reshape(1, 40, 1)
    model = TSB(40, 2, 1).double()
    expected = scale * model(demand) + shift
    torch.testing.assert_close(model(scale * demand + shift), expected, rtol=1e-5, atol=1e-7)
    # Zero is found in each window, so that a normalizer may move it.
    wrapped = Reversible(model, RevIN(1, affine=False)).double()
    torch.testing.assert_close(wrapped(demand), model(demand), rtol=1e-5, atol=1e-7)


def test_the_rate_falls_while_nothing_occurs():
    demand = torch.from_numpy(draw_demand(3, 60)).reshape(1, 60, 1)
    quiet = torch.cat([demand[:, 20:], torch.zeros(1, 20, 1)], 1)
    model = TSB(60, 1, 1)
    assert 0 < model(quiet.float()).item() < 0.7 * model(demand.float()).item()


def test_a_window_without_occurrences_stays_at_its_level():
    assert TSB(20, 2, 1)(torch.full((1, 20, 1), 5.0)).flatten().tolist() == [5, 5]


@pytest.mark.parametrize("grid", [(), (0.1, 1.0), (0.0,)])
def test_smoothing_weights_are_checked(grid):
    with pytest.raises(ValueError, match="TSB needs size_smoothing between 0 and 1"):
        TSB(8, 1, 1, size_smoothing=grid)
