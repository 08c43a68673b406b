"""Sums over windows against windows extracted one by one."""

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.closed_form import WindowSums
from revin_forecast.closed_form.gap_free_windows import gap_free_moments
from revin_forecast.closed_form.normal_equations import NormalEquations, squared_error
from tests.support.closed_form import check_equations, gather_windows, walk


@given(
    lookback=st.integers(1, 9),
    horizon=st.integers(1, 7),
    first=st.integers(0, 40),
    rows=st.integers(7, 40),
    seed=st.integers(0, 9),
)
def test_any_size_and_range_equals_explicit_windows(lookback, horizon, first, rows, seed):
    values = walk(90, 2, seed)
    sums = WindowSums(values, 9, 7)
    start, stop = max(first, lookback), first + rows + 9
    sums.prepare((4, 50, 9))  # of other ranges: they must not matter
    equations = sums.equations(lookback, horizon, first, stop)
    windows = gather_windows(values, lookback, horizon, start, stop - horizon + 1)
    check_equations(equations, *windows)


def test_windows_with_gaps_are_left_out_of_every_range():
    values = walk(90, 2)
    values[20:23, 0] = math.nan
    values[60, 1] = math.inf
    sums = WindowSums(values, 9, 7)
    for lookback, horizon, first, stop in ((9, 7, 0, 90), (3, 2, 0, 50), (5, 7, 30, 80)):
        start, end = max(first, lookback), stop - horizon + 1
        past, future = gather_windows(values, lookback, horizon, start, end)
        whole = np.isfinite(past).all(1) & np.isfinite(future).all(1)
        assert 0 < whole.sum() < len(whole)
        check_equations(sums.equations(lookback, horizon, first, stop), past[whole], future[whole])


def test_both_ways_to_sum_complete_windows_agree():
    values = walk()
    moments = gap_free_moments(values, 14)
    fast, slow = (
        WindowSums(values, 9, 5).equations_over(9, 146),
        NormalEquations.from_moments(moments, 9),
    )
    for name in ("gram", "cross", "target_squares", "input_sums", "target_sums"):
        torch.testing.assert_close(getattr(fast, name), getattr(slow, name), rtol=0, atol=1e-9)
    weight = torch.ones(5, 9, dtype=torch.float64) / 9
    torch.testing.assert_close(squared_error(weight, fast), squared_error(weight, slow))
