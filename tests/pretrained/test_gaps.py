"""Gaps are filled as a loop over the rows fills them."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast.pretrained.gaps import fill_gaps, find_extent


def interpolate(values, observed):
    """Return a series with its gaps filled; 0 before the first row."""
    known = np.flatnonzero(observed)
    if not len(known):
        return np.zeros(len(values))
    rows = np.arange(len(values))
    filled = np.interp(rows, known, values[known])
    return np.where(rows < known[0], 0, filled)


@given(st.lists(st.booleans(), min_size=1, max_size=70), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_rows_are_those_of_a_loop(marks, seed):
    rows = len(marks)
    values = np.random.default_rng(seed).normal(size=(3, rows))
    observed = np.stack([marks, marks[::-1], [True] * rows])
    filled = fill_gaps(torch.from_numpy(values), torch.from_numpy(observed))
    extent = find_extent(torch.from_numpy(observed))
    for series in range(3):
        expected = interpolate(values[series], observed[series])
        np.testing.assert_allclose(filled[series].numpy(), expected, atol=1e-12)
        known = np.flatnonzero(observed[series])
        first, last = (known[0], known[-1]) if len(known) else (rows, -1)
        assert extent.length[series] == rows - first
        assert extent.end_gap[series] == rows - 1 - last
        assert extent.valid[series].tolist() == [row >= first for row in range(rows)]
