"""Shares of the level against a plain regression, with gaps and at the edges."""

import numpy as np
import pytest
import torch

from revin_forecast.normalizers.level_shares import (
    MIN_PAIRS,
    compute_dickey_fuller_t,
    compute_window_levels,
    estimate_level_shares,
)


def simulate_levels(coefficients, steps=60, seed=0):
    """Return AR(1) levels (steps, channels), one column for each coefficient."""
    rng = np.random.default_rng(seed)
    levels = np.zeros((steps, len(coefficients)))
    for step in range(1, steps):
        levels[step] = np.multiply(coefficients, levels[step - 1]) + rng.standard_normal(
            len(coefficients)
        )
    return levels


def regress(levels):
    """Return the t statistic of rho by ordinary least squares on the complete pairs."""
    change, before = np.diff(levels), levels[:-1]
    used = np.isfinite(change)
    inputs = np.stack([np.ones(used.sum()), before[used]], axis=1)
    coefficients, squares, _, _ = np.linalg.lstsq(inputs, change[used], rcond=None)
    covariance = np.linalg.inv(inputs.T @ inputs) * squares[0] / (used.sum() - 2)
    return coefficients[1] / np.sqrt(covariance[1, 1])


def test_t_statistic_is_that_of_the_regression():
    levels = simulate_levels([1.0, 0.9, 0.3, -0.5])
    levels[[3, 4, 20], [0, 1, 2]] = np.nan
    expected = [regress(column) for column in levels.T]
    got = compute_dickey_fuller_t(torch.from_numpy(levels + 1e6))
    np.testing.assert_allclose(got, expected, rtol=1e-8)


def test_levels_are_means_of_observed_values_counted_from_the_last_row():
    values = np.random.default_rng(0).standard_normal((23, 2))
    values[5:7, 0], values[10:13, 1] = np.nan, np.inf
    levels = compute_window_levels(torch.from_numpy(values), 5)
    observed = np.where(np.isfinite(values), values, np.nan)[3:]
    expected = np.nanmean(observed.reshape(4, 5, 2), axis=1)
    expected[1, 1] = np.nan  # 2 of 5 values are fewer than half
    np.testing.assert_allclose(levels, expected, rtol=1e-12)


def test_shares_grow_as_levels_revert_faster():
    rows = np.repeat(simulate_levels([1.0, 0.8, 0.0], steps=100), 24, axis=0)
    shares = estimate_level_shares(torch.from_numpy(rows), 24)
    t = np.array([regress(column) for column in rows[::24].T])
    np.testing.assert_allclose(shares, np.maximum(0, 1 - 9 / t**2), rtol=1e-9)
    assert shares[0] == 0
    assert 0.3 < shares[1] < shares[2] < 1


@pytest.mark.parametrize("lookback", [10, 100])
def test_too_few_or_equal_levels_and_trends_keep_nothing(lookback):
    noise = np.random.default_rng(0).standard_normal(10 * (MIN_PAIRS + 1) - 1)
    trend = np.arange(len(noise)) + 0.1 * noise
    rows = np.stack([noise, 0 * noise, 0 * noise + 0.1, np.nan * noise, trend], axis=1)
    assert estimate_level_shares(torch.from_numpy(rows), lookback).tolist() == [0] * 5
    assert estimate_level_shares(torch.from_numpy(np.repeat(trend, 2)[:, None]), 5) == 0


def test_levels_that_revert_exactly_keep_everything():
    rows = np.tile([1.0, 1.0, -1.0, -1.0], 10)[:, None]
    assert estimate_level_shares(torch.from_numpy(rows), 2) == 1


def test_few_random_walks_keep_a_part_of_their_level():
    walks = np.random.default_rng(0).standard_normal((MIN_PAIRS + 1, 50_000)).cumsum(axis=0)
    t = compute_dickey_fuller_t(torch.from_numpy(walks))
    assert 0.08 < (t < -3).double().mean() < 0.1
