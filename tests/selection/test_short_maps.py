"""Short linear maps against the least squares of numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast.selection.short_maps import (
    MIN_LIKE_SERIES,
    MIN_WINDOWS,
    OWN_PENALTY,
    SHARED_PENALTY,
    ShortWindows,
)


def list_windows(values, lookback, horizon):
    """Return the centred windows (windows, lookback) and targets of one series."""
    count = len(values) - lookback - horizon + 1
    past = np.stack([values[start : start + lookback] for start in range(count)])
    future = np.stack([values[start + lookback :][:horizon] for start in range(count)])
    mean = past.mean(1, keepdims=True)
    return past - mean, future - mean


def solve_ridge(past, future, penalty):
    """Return the ridge map (horizon, lookback) as least squares of extended equations."""
    weight = penalty * (past**2).sum() / past.shape[1]
    extended = np.vstack([past, np.sqrt(weight) * np.eye(past.shape[1])])
    targets = np.vstack([future, np.zeros((past.shape[1], future.shape[1]))])
    return np.linalg.lstsq(extended, targets, rcond=None)[0].T


def make_windows(values, lookback=5, horizon=3):
    return ShortWindows(torch.from_numpy(np.asarray(values, dtype=float)), lookback, horizon)


def walk(rows=40, series=4, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, series)).cumsum(0) + 10


@settings(max_examples=30)
@given(
    seed=st.integers(0, 99),
    lookback=st.integers(2, 9),
    horizon=st.integers(1, 6),
    rows=st.integers(25, 60),
)
def test_own_maps_are_those_of_ridge(seed, lookback, horizon, rows):
    values = walk(rows, 3, seed)
    windows = make_windows(values, lookback, horizon)
    origin = rows - 4
    maps, is_solvable = windows.solve_own(origin)
    assert is_solvable.all()
    forecast = windows.forecast(maps, origin)
    for series in range(3):
        # Rows from the origin on have no influence.
        past, future = list_windows(values[:origin, series], lookback, horizon)
        expected = solve_ridge(past, future, OWN_PENALTY)
        np.testing.assert_allclose(maps[series], expected, rtol=1e-6, atol=1e-9)
        last = values[origin - lookback : origin, series]
        np.testing.assert_allclose(
            forecast[:, series], last.mean() + expected @ (last - last.mean()), rtol=1e-9
        )


def test_a_shared_map_is_that_of_all_windows_scaled_to_the_same_size():
    values = walk(series=5) * np.array([1, 100, 0.01, 3, 7])
    windows = make_windows(values)
    group = torch.tensor([True, True, True, True, False])
    maps, is_solvable = windows.solve_shared(40, [group])
    assert torch.equal(is_solvable, group)
    parts = [list_windows(values[:, series], 5, 3) for series in range(4)]
    units = [np.sqrt((past**2).mean()) for past, _ in parts]
    past = np.vstack([part[0] / unit for part, unit in zip(parts, units, strict=True)])
    future = np.vstack([part[1] / unit for part, unit in zip(parts, units, strict=True)])
    expected = solve_ridge(past, future, SHARED_PENALTY)
    for series in range(4):
        np.testing.assert_allclose(maps[series], expected, rtol=1e-6, atol=1e-9)
    assert not maps[4].any()


def test_equal_series_share_the_map_that_each_has_of_its_own(monkeypatch):
    monkeypatch.setattr("revin_forecast.selection.short_maps.SHARED_PENALTY", OWN_PENALTY)
    windows = make_windows(np.repeat(walk(series=1), MIN_LIKE_SERIES, axis=1) * [1, 2, 50])
    everyone = torch.ones(MIN_LIKE_SERIES, dtype=torch.bool)
    own, _ = windows.solve_own(40)
    shared, is_solvable = windows.solve_shared(40, [everyone])
    assert is_solvable.all()
    torch.testing.assert_close(shared, own)


def test_too_few_series_or_windows_have_no_map():
    values = walk(series=4)
    values[: 40 - 7 - MIN_WINDOWS + 1, 3] = np.nan  # one window less than needed
    windows = make_windows(values)
    assert windows.solve_own(40)[1].tolist() == [True, True, True, False]
    assert windows.solve_own(10)[1].tolist() == [False] * 4
    pair = torch.tensor([True, True, False, True])
    assert not windows.solve_shared(40, [pair])[1].any()


def test_a_constant_series_keeps_its_value():
    windows = make_windows(np.full((30, 2), 7.0))
    maps, is_solvable = windows.solve_own(30)
    assert is_solvable.all()
    assert windows.forecast(maps, 30).unique().tolist() == [7.0]


@pytest.mark.parametrize("lookback", [5, 31])
def test_without_a_complete_window_there_is_no_forecast(lookback):
    values = walk(30, 2)
    values[:28, 1] = np.nan
    windows = make_windows(values, lookback)
    forecast = windows.forecast(torch.zeros(2, 3, lookback), 30)
    assert forecast[:, 0].isfinite().all() == (lookback == 5)
    assert not forecast[:, 1].isfinite().any()
