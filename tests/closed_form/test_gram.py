"""Second moments of windows against the product of all windows."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import next_fast_len

from revin_forecast.closed_form import window_moments
from revin_forecast.closed_form.gram import fast_length
from revin_forecast.normalizers import Identity, LastValue, RevIN

LOOKBACK, HORIZON, CHANNELS = 10, 4, 3
WIDTH = LOOKBACK + HORIZON


def walk(rows=120, channels=CHANNELS, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, channels, generator=generator, dtype=torch.float64).cumsum(0) / 5


def stack_windows(values, width=WIDTH):
    """Every window of every channel as one row, the slow way."""
    return np.lib.stride_tricks.sliding_window_view(values.numpy(), width, axis=0).reshape(
        -1, width
    )


@given(
    rows=st.integers(1, 60),
    width=st.integers(1, 40),
    channels=st.integers(1, 3),
    seed=st.integers(),
)
def test_moments_equal_the_product_of_all_windows(rows, width, channels, seed):
    values = walk(max(rows, width), channels, abs(seed) % 2**32)
    windows, moments = stack_windows(values, width), window_moments(values, width)
    scale = (windows**2).sum()
    np.testing.assert_allclose(moments.gram, windows.T @ windows, rtol=0, atol=1e-14 * scale)
    np.testing.assert_allclose(
        moments.sums, windows.sum(0), rtol=0, atol=1e-13 * abs(windows).sum()
    )
    assert moments.count == len(windows)


def test_moments_of_a_long_series_are_exact_to_1e_14():
    values = walk(5000, 2)
    windows = stack_windows(values, 200)
    expected = windows.T @ windows
    error = (
        np.abs(window_moments(values, 200).gram.numpy() - expected).max() / np.abs(expected).max()
    )
    assert error < 1e-14


def test_blocks_of_time_add_and_subtract():
    values = walk()
    whole = window_moments(values, WIDTH)
    first, later_rows = values[: 50 + WIDTH - 1], values[50:]
    total = window_moments(first, WIDTH) + window_moments(later_rows, WIDTH)
    difference = whole - window_moments(later_rows, WIDTH)
    torch.testing.assert_close(total.gram, whole.gram, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        difference.gram, window_moments(first, WIDTH).gram, rtol=0, atol=1e-10
    )
    assert total.count == whole.count
    assert difference.count == 50 * CHANNELS


@pytest.mark.parametrize("normalizer", [RevIN(1), LastValue(1), Identity(1)])
def test_centring_is_a_projection_of_the_raw_matrix(normalizer):
    values = walk()
    weights = normalizer.location_weights(LOOKBACK)
    windows = stack_windows(values)
    centred = windows - (windows[:, :LOOKBACK] @ weights.numpy())[:, None]
    moments = window_moments(values, WIDTH).centre(weights)
    np.testing.assert_allclose(moments.gram, centred.T @ centred, rtol=0, atol=1e-10)
    np.testing.assert_allclose(moments.sums, centred.sum(0), rtol=0, atol=1e-10)


def test_too_few_rows_for_a_window():
    with pytest.raises(ValueError, match="13 rows hold no window of 14; pass at least 14 rows"):
        window_moments(walk(13), WIDTH)


@given(st.integers(1, 10**7))
def test_fast_lengths_are_those_of_scipy(rows):
    assert fast_length(rows) == next_fast_len(rows, real=True)
