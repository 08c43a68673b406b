"""Admission of known inputs by the error on later rows."""

import numpy as np
import pytest

from revin_forecast.selection.known_inputs import ChannelEffects, choose_effects, measure_gain
from tests.closed_form.test_covariate_effects import make_inputs, simulate


def choose(values, columns, groups=None, horizon=7):
    groups = groups or {"rare": [0], "price": [1]}
    effects = choose_effects(values, columns, groups, [7], horizon)
    return effects, {entry.name: entry for entry in effects.evidence}


def test_inputs_that_act_are_admitted_and_others_not():
    columns = make_inputs(600)
    effects, evidence = choose(simulate() + 8 * columns[:, 0], columns)
    assert evidence["rare"].admitted
    assert evidence["rare"].gain > evidence["rare"].error > 0
    assert not evidence["price"].admitted
    assert effects.weights[0] == pytest.approx(8, abs=1)
    assert effects.weights[1] == 0
    assert not effects.is_multiplicative


def test_effects_may_multiply():
    random, columns = np.random.default_rng(4), make_inputs(600)
    level = np.exp(np.linspace(0, 3, 600) + 0.02 * random.normal(size=600))
    effects, evidence = choose(level * np.exp(columns @ [0.5, -0.2]), columns)
    assert effects.is_multiplicative
    assert all(entry.admitted for entry in evidence.values())
    assert effects.weights == pytest.approx([0.5, -0.2], abs=0.05)


def test_inputs_of_noise_are_rarely_admitted():
    admitted = 0
    for seed in range(30):
        columns = make_inputs(300, seed + 100)
        effects, evidence = choose(simulate(300, seed=seed), columns)
        admitted += sum(entry.admitted for entry in evidence.values())
        assert np.abs(columns @ effects.weights).mean() < 0.5
    assert admitted <= 15


def test_effects_are_removed_and_restored():
    columns = make_inputs(50)
    values = np.linspace(1, 5, 50)
    for effects in (
        ChannelEffects(np.array([2.0, -1.0]), False),
        ChannelEffects(np.array([0.2, -0.1]), True),
    ):
        removed = effects.remove(values, columns)
        assert np.abs(removed - values).max() > 0.1
        np.testing.assert_allclose(effects.restore(removed, columns), values)


@pytest.mark.parametrize("rows", [3, 10, 25])
def test_short_series_admit_nothing_or_little(rows):
    effects, evidence = choose(simulate(rows), make_inputs(rows))
    assert set(evidence) == {"rare", "price"}
    assert np.isfinite(effects.weights).all()


def test_a_series_with_gaps_and_zeros():
    columns = make_inputs(400)
    values = np.maximum(0, simulate(400) - 52 + 8 * columns[:, 0])
    values[50:80] = np.nan
    effects, evidence = choose(values, columns)
    assert evidence["rare"].admitted
    # Zeros have no logarithm.
    assert not effects.is_multiplicative


def test_the_gain_and_its_error():
    without, with_input = np.full(60, 2.0), np.full(60, 1.0)
    assert measure_gain(without, with_input, 7) == (0.5, 0.0)
    gain, error = measure_gain(without, with_input, 1000)
    assert (gain, error) == (0.5, 0.0)
    gain, error = measure_gain(without[:4], with_input[:4], 7)
    assert gain == 0
    assert np.isnan(error)
    random = np.random.default_rng(0)
    _, noisy = measure_gain(without, without + random.normal(size=60), 5)
    assert 0.02 < noisy < 0.2
