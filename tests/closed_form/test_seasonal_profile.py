"""Seasonal profiles and deseasonalized models."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.backbones import Linear
from revin_forecast.closed_form import DeseasonalizedModel, seasonal_profile
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN
from tests.support.closed_form import walk


@given(
    rows=st.integers(1, 50),
    season=st.integers(2, 9),
    gaps=st.lists(st.integers(0, 49), max_size=9),
    first=st.integers(0, 50),
    length=st.integers(0, 20),
)
def test_a_profile_is_the_mean_at_each_phase(rows, season, gaps, first, length):
    values = walk(50, 2)[:rows]
    values[[gap for gap in gaps if gap < rows], 0] = math.nan
    stop = min(rows, first + length)
    profile = seasonal_profile(values, season, (first, max(first, stop)))
    included = values.numpy().copy()
    included[first:stop] = math.nan
    for channel in range(2):
        parts = [included[phase::season, channel] for phase in range(season)]
        means = [part[np.isfinite(part)].mean() if np.isfinite(part).any() else 0 for part in parts]
        expected = np.array(means) - np.mean(means)
        np.testing.assert_allclose(profile[:, channel], expected, atol=1e-12)


def test_a_profile_needs_row_numbers():
    model = DeseasonalizedModel(Reversible(Linear(4, 2, 1), RevIN(1)), torch.zeros(3, 1))
    with pytest.raises(ValueError, match=r"each step's row, .* season of 3 but got none"):
        model(torch.zeros(1, 4, 1))
    with pytest.raises(ValueError, match=r"but got \(1, 6, 2\)"):
        model(torch.zeros(1, 4, 1), known=torch.zeros(1, 6, 2))
