"""Forecasts resolve the recent rows, however far these are from the other rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast import Forecaster, Ridge
from revin_forecast.selection.settings import SelectionSettings

SIZE = 120
NOISE = np.random.default_rng(0).normal(size=SIZE) + np.sin(np.arange(SIZE))


def forecast(values, **options):
    stamps = pd.date_range("2024-01-01", periods=len(values))
    table = pd.DataFrame({"date": stamps, "x": values})
    return Forecaster(3, **options).fit(table).predict().x.to_numpy()


def forecast_by_ridge(values):
    return forecast(values, lookback=14, backbone=Ridge)


@settings(max_examples=15)
@given(
    factor=st.sampled_from([1e-8, 1e-3, -1.0, 1e4, 1e8]),
    deviations=st.sampled_from([0.0, -3.0, 1e3, 1e6, 1e8]),
)
def test_a_ridge_follows_another_unit_and_zero(factor, deviations):
    size = abs(factor) * NOISE.std()
    moved = forecast_by_ridge(factor * NOISE + deviations * size) - deviations * size
    # A number of eight digits before the point has the other eight behind it.
    bound = 1e-6 + 1e-15 * abs(deviations) * 4
    expected = factor * forecast_by_ridge(NOISE)
    assert np.abs(moved - expected).max() <= 2 * bound * size


@pytest.mark.parametrize("shift", [1e4, 1e8, -1e8])
@pytest.mark.parametrize("change", [60, 80])
def test_a_ridge_resolves_the_rows_after_a_shift(shift, change):
    moved = NOISE.copy()
    moved[change:] += shift
    values = forecast_by_ridge(moved) - shift
    assert np.abs(values - np.round(values)).max() > 1e-3
    assert np.abs(values).max() < 5
    # The same rows far below: only the direction of the shift differs.
    mirrored = forecast_by_ridge(-moved) + shift
    np.testing.assert_allclose(mirrored, -values, atol=2e-6 * NOISE.std())


@pytest.mark.parametrize("shift", [1e8, -1e8])
def test_the_automatic_choice_resolves_the_rows_after_a_shift(shift):
    moved = NOISE.copy()
    moved[80:] += shift
    values = forecast(moved, selection=SelectionSettings(season=(7,))) - shift
    assert np.abs(values).max() < 5
    assert np.abs(values - np.round(values)).max() > 1e-3


def test_newer_rows_decide_the_precision():
    stamps = pd.date_range("2024-01-01", periods=SIZE)
    table = pd.DataFrame({"date": stamps, "x": NOISE})
    forecaster = Forecaster(3, 14, Ridge).fit(table)
    expected = forecaster.predict(table).x
    moved = forecaster.predict(table.assign(x=NOISE + 1e8)).x - 1e8
    np.testing.assert_allclose(moved, expected, atol=3e-6)
