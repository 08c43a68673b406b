"""Sums to which rows are added, against windows extracted one by one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.closed_form.lag_sums import LagSums
from tests.support.closed_form import check_equations, gather_windows, walk


@given(
    lookback=st.integers(1, 9),
    horizon=st.integers(1, 7),
    parts=st.lists(st.integers(0, 20), max_size=4),
    rows=st.integers(16, 40),
    seed=st.integers(0, 9),
)
def test_sums_of_added_rows_equal_explicit_windows_of_all(lookback, horizon, parts, rows, seed):
    values = walk(rows + sum(parts), 3, seed)
    sums = LagSums.from_values(values[:rows], 16)
    for count in parts:
        sums = sums.append(values[sums.rows : sums.rows + count])
    assert sums.rows == len(values)
    windows = gather_windows(values, lookback, horizon, lookback, len(values) - horizon + 1)
    check_equations(sums.equations(lookback, horizon), *windows)
    windows = gather_windows(values[:, [1]], lookback, horizon, lookback, len(values) - horizon + 1)
    check_equations(sums.select([1]).equations(lookback, horizon), *windows)


def test_many_small_additions_keep_the_digits():
    values = 1e3 + walk(700, 2)
    sums = LagSums.from_values(values[:100], 40)
    for row in range(100, 700):
        sums = sums.append(values[row : row + 1])
    once = LagSums.from_values(values, 40)
    torch.testing.assert_close(sums.products, once.products, rtol=1e-12, atol=0)
    torch.testing.assert_close(sums.heads, once.heads, rtol=1e-12, atol=0)
    assert torch.equal(sums.last, values[-39:])


def test_tables_and_windows_of_a_wrong_size_are_refused():
    with pytest.raises(ValueError, match="15 rows hold no window of 16; pass at least 16"):
        LagSums.from_values(walk(15, 1), 16)
    with pytest.raises(ValueError, match="windows of 17 are longer than 16"):
        LagSums.from_values(walk(20, 1), 16).equations(10, 7)
