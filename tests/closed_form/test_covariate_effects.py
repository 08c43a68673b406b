"""Effects of known inputs, with the level and the season of a series about them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.closed_form.covariate_effects import (
    Autoregression,
    compute_huber_weights,
    estimate_effects,
    fit_autoregression,
    interpolate_gaps,
    list_lags,
)


def simulate(rows=600, persistence=0.6, seed=0):
    """Return a season of 7 with autoregressive noise of standard deviation about 1."""
    random = np.random.default_rng(seed)
    noise = np.zeros(rows)
    for row, shock in enumerate(random.normal(size=rows)):
        noise[row] = persistence * noise[row - 1] + shock if row else shock
    return 50 + 6 * np.sin(2 * np.pi * np.arange(rows) / 7) + noise


def make_inputs(rows, seed=1):
    """Return a rare 0/1 column and a price that changes every 20 rows."""
    random = np.random.default_rng(seed)
    rare = (random.random(rows) < 0.05).astype(float)
    price = np.repeat(random.normal(size=rows // 20 + 1), 20)[:rows]
    return np.stack([rare, price], axis=1)


@pytest.mark.parametrize("persistence", [0.0, 0.6, 1.0])
def test_effects_are_found_in_a_series_with_level_and_season(persistence):
    columns = make_inputs(600)
    errors = [
        estimate_effects(
            simulate(persistence=persistence, seed=seed) + columns @ [5.0, -2.0], columns, [7]
        )
        - [5.0, -2.0]
        for seed in range(10)
    ]
    assert np.abs(np.mean(errors, axis=0)).max() < 0.35
    assert np.std(errors, axis=0).max() < 0.5


def test_without_effects_little_is_found():
    columns = make_inputs(600)
    estimates = [estimate_effects(simulate(seed=seed), columns, [7]) for seed in range(10)]
    assert np.abs(estimates).mean() < 0.2


def test_few_occurrences_are_shrunk_towards_the_shared_effect():
    rows, random = 400, np.random.default_rng(5)
    days = random.choice(np.arange(20, rows - 20), 12, replace=False)
    shared = np.zeros(rows)
    shared[days] = 1
    own = np.zeros((rows, 12))
    own[days, np.arange(12)] = 1
    values = simulate(rows) + 4 * shared
    effects = estimate_effects(values, np.column_stack([shared, own]), [7])
    total = effects[0] + effects[1:]
    assert effects[0] > 2.5
    assert np.abs(effects[1:]).max() < effects[0]
    assert abs(total.mean() - 4) < 1


def test_outliers_do_not_decide():
    columns = make_inputs(600)
    values = simulate() + columns @ [5.0, -2.0]
    clean = estimate_effects(values, columns, [7])
    values[np.flatnonzero(columns[:, 0])[3]] += 200
    values[77] -= 500
    # By least squares, one of 30 occurrences that is 200 too high would raise the effect by 6.7.
    assert np.abs(estimate_effects(values, columns, [7]) - clean).max() < 2


def test_gaps_are_skipped():
    columns = make_inputs(600)
    values = simulate() + columns @ [5.0, -2.0]
    values[np.random.default_rng(2).random(600) < 0.1] = np.nan
    assert np.abs(estimate_effects(values, columns, [7]) - [5, -2]).max() < 1


@given(scale=st.floats(1e-6, 1e6), level=st.floats(-1e3, 1e3))
def test_effects_have_the_units_of_the_series(scale, level):
    columns = make_inputs(200)
    values = simulate(200) + columns @ [5.0, -2.0]
    expected = estimate_effects(values, columns, [7])
    scaled = estimate_effects(scale * (values + level), columns, [7]) / scale
    np.testing.assert_allclose(scaled, expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("rows", [0, 1, 5, 20])
def test_few_rows_give_no_effect(rows):
    values = np.full(rows, np.nan)
    values[rows // 2 :] = 3.0
    assert (estimate_effects(values, np.ones((rows, 3)), [7]) == 0).all()


def test_constant_series_and_empty_columns():
    assert (estimate_effects(np.full(100, 7.0), make_inputs(100), [7]) == 0).all()
    assert estimate_effects(simulate(100), np.zeros((100, 0)), [7]).shape == (0,)


def test_the_autoregression_forecasts_what_it_was_made_of():
    values = np.zeros(300)
    values[:2] = 1.0, 2.0
    for row in range(2, 300):
        values[row] = 0.5 + 1.2 * values[row - 1] - 0.5 * values[row - 2]
    model = Autoregression((1, 2), np.array([1.2, -0.5]), 0.5)
    np.testing.assert_allclose(model.filter(values), 0.5, atol=1e-12)
    forecast = model.forecast(values, np.array([2, 50]), 10)
    np.testing.assert_allclose(forecast, [values[2:12], values[50:60]])


def test_the_autoregression_is_estimated():
    noise = simulate(5000, 0.6) - 50 - 6 * np.sin(2 * np.pi * np.arange(5000) / 7)
    model = fit_autoregression(noise, (1, 2))
    np.testing.assert_allclose(model.weights, [0.6, 0.0], atol=0.05)


def test_lags_fit_the_rows():
    assert list_lags([], 100) == (1, 2, 3)
    assert list_lags([24, 168], 5000)[-1] == 337
    assert max(list_lags([168], 100)) <= 25
    assert list_lags([7], 2) == (1,)


def test_weights_of_errors():
    weights = compute_huber_weights(np.array([-1.0, 0.5, 1.0, -0.5, 100.0]))
    assert (weights[:4] == 1).all()
    assert weights[4] < 0.1
    assert (compute_huber_weights(np.zeros(5)) == 1).all()


def test_gaps_lie_on_lines():
    values = np.array([np.nan, 1.0, np.nan, 3.0, np.nan])
    assert interpolate_gaps(values).tolist() == [1, 1, 2, 3, 3]
