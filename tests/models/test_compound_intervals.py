"""Quantiles of intermittent series are those of the compound of occurrence and size."""

import numpy as np
import pytest
import torch

from revin_forecast.data.intermittent import is_intermittent
from revin_forecast.data.scaling import Standardizer
from revin_forecast.errors import InputError
from revin_forecast.models.compound_intervals import SIZE_LEVELS, CompoundIntervals
from revin_forecast.models.conformal_intervals import ConformalIntervals

LEVELS = (0.1, 0.5, 0.8, 0.9, 0.95)


def draw_sales(seed=0, steps=400, rate=0.3):
    random = np.random.default_rng(seed)
    return ((random.random(steps) < rate) * (1 + random.poisson(4, steps))).astype(float)


def fit_on(values, others=None):
    scale = Standardizer.fit(values)
    zero = scale.transform(np.zeros((1, values.shape[1])))[0]
    fitted = CompoundIntervals.fit(scale.transform(values), zero, is_intermittent(values), others)
    return fitted, scale


def find_quantiles(fitted, scale, values, levels=LEVELS):
    past = scale.to_tensor(values[-120:]).unsqueeze(0)
    forecast = torch.zeros(1, 3, values.shape[1])
    return np.moveaxis(fitted.quantiles(forecast, past, levels)[0].numpy(), 2, 0)


def test_quantiles_are_zero_up_to_the_share_of_zeros_and_whole_above():
    sales = draw_sales()[:, None]
    fitted, scale = fit_on(sales)
    quantiles = scale.inverse_transform(find_quantiles(fitted, scale, sales))[:, 0, 0]
    assert quantiles[:2] == pytest.approx([0, 0], abs=1e-5)
    assert (np.diff(quantiles) >= 0).all()
    assert np.abs(quantiles - np.rint(quantiles)).max() < 1e-5
    expected = np.quantile(sales[-200:], LEVELS)
    assert np.abs(quantiles - expected).max() <= 1.01


def test_most_of_the_future_is_within_its_intervals():
    covered = []
    for seed in range(60):
        sales = draw_sales(seed, 212, 0.2)[:, None]
        fitted, scale = fit_on(sales[:200])
        if not fitted.is_intermittent.all():
            continue  # after a long pause at the end, a series counts as ended
        high = scale.inverse_transform(find_quantiles(fitted, scale, sales[:200], (0.95,))[0])
        covered.append(sales[200:203] <= high + 1e-6)
    assert len(covered) >= 55
    assert 0.91 <= np.mean(covered) <= 0.99


def test_other_series_keep_their_own_intervals():
    steady = 50 + np.random.default_rng(3).normal(size=400)
    values = np.stack([draw_sales(), steady], axis=1)
    others = ConformalIntervals.calibrate(
        np.random.default_rng(1).normal(size=(90, 3, 2)), np.ones((90, 2))
    )
    fitted, scale = fit_on(values, others)
    assert fitted.is_intermittent.tolist() == [True, False]
    past = scale.to_tensor(values[-120:]).unsqueeze(0)
    forecast = torch.zeros(1, 3, 2)
    found, expected = (own.quantiles(forecast, past, LEVELS) for own in (fitted, others))
    torch.testing.assert_close(found[:, :, 1], expected[:, :, 1])
    assert (found[0, 0, 0, 0] < found[0, 0, 0, -1]).item()
    second = fitted.select([1]).quantiles(forecast[..., 1:], past[..., 1:], LEVELS)
    torch.testing.assert_close(second, expected[:, :, 1:])
    alone = CompoundIntervals.around(fitted.zero, fitted.sizes)
    with pytest.raises(InputError, match="intervals of its intermittent series only"):
        alone.quantiles(forecast, past, LEVELS)


def test_gaps_are_neither_zero_nor_sales():
    sales = draw_sales()[:, None]
    fitted, scale = fit_on(sales)
    window = sales[-60:].copy()
    gappy = np.insert(window, [5, 20, 60], np.nan, axis=0)[:, :1]
    quantiles = [
        fitted.quantiles(torch.zeros(1, 1, 1), scale.to_tensor(part).unsqueeze(0), LEVELS)
        for part in (window, gappy)
    ]
    torch.testing.assert_close(*quantiles)


def test_recent_sizes_count_more():
    sales = draw_sales()
    sales[300:] *= 3
    fitted, scale = fit_on(sales[:, None])
    median = fitted.sizes[SIZE_LEVELS // 2, 0] * scale.scale[0]
    assert median > np.median(sales[sales > 0])
