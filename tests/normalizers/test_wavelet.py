"""One level of the wavelet transform."""

import pytest
import torch

from revin_forecast.normalizers.wavelet import COIFLET_3, join_bands, split_bands


@pytest.mark.parametrize("steps", [1, 2, 5, 16, 17, 48])
def test_any_number_of_steps_is_restored(steps):
    values = torch.randn(2, 3, steps, dtype=torch.float64)
    low, high = split_bands(values)
    assert low.shape == high.shape == (2, 3, (steps + len(COIFLET_3) - 1) // 2)
    torch.testing.assert_close(join_bands(low, high, steps), values, rtol=0, atol=1e-14)
    # Orthogonal: the bands together have the energy of the values.
    energy = low.square().sum() + high.square().sum()
    torch.testing.assert_close(energy, values.square().sum())


def test_a_slow_wave_is_in_the_low_band_and_a_fast_one_in_the_high_band():
    time = torch.arange(400, dtype=torch.float64)
    waves = torch.stack([torch.cos(0.1 * time), torch.cos(3.0 * time)]).unsqueeze(0)
    low, high = split_bands(waves)
    inner = slice(20, -20)
    assert high[0, 0, inner].abs().max() < 1e-3 * low[0, 0, inner].abs().max()
    assert low[0, 1, inner].abs().max() < 1e-3 * high[0, 1, inner].abs().max()


def test_the_filter_is_orthogonal_to_its_even_shifts():
    taps = torch.tensor(COIFLET_3, dtype=torch.float64)
    products = [
        float((taps[shift:] * taps[: len(taps) - shift]).sum()) for shift in range(0, 18, 2)
    ]
    assert products == pytest.approx([1.0] + [0.0] * 8, abs=1e-14)
    assert float(taps.sum()) == pytest.approx(2**0.5)
