"""Tables, windows and grids that the tests of the closed form share."""

import math

import numpy as np
import torch

from revin_forecast.closed_form import SweepGrid
from revin_forecast.closed_form.seasonal_profile import repeat_profile

LOOKBACKS, HORIZONS, PENALTIES = (4, 9), (2, 5), (1e-3, 1e-1, 1.0)
SMALL = SweepGrid(LOOKBACKS, HORIZONS, PENALTIES, blocks=3)


def walk(rows=150, channels=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, channels, generator=generator, dtype=torch.float64).cumsum(0) / 4


def waves(*periods, rows=400, noise=0.1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    steps = torch.arange(rows, dtype=torch.float64).unsqueeze(1)
    clean = torch.sin(2 * math.pi * steps / torch.tensor(periods, dtype=torch.float64))
    return clean + noise * torch.randn(clean.shape, generator=generator, dtype=torch.float64)


def gather_windows(values, lookback, horizon, start, end):
    """Past (windows, lookback) and future of all windows with origins `start` to `end` - 1."""
    pasts, futures = [], []
    for channel in values.numpy().T:
        for origin in range(start, end):
            pasts.append(channel[origin - lookback : origin])
            futures.append(channel[origin : origin + horizon])
    return np.array(pasts), np.array(futures)


def check_equations(equations, past, future):
    expected = {
        "gram": past.T @ past,
        "cross": future.T @ past,
        "target_squares": (future**2).sum(0),
        "input_sums": past.sum(0),
        "target_sums": future.sum(0),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(equations, name), value, rtol=1e-10, atol=1e-9)
    assert equations.count == len(past)


def seasonal_series(rows=400, season=12, noise=0.5, seed=0):
    """A random seasonal profile that a short window cannot identify, and noisy repetitions."""
    generator = torch.Generator().manual_seed(seed)
    shape = torch.randn(season, 2, generator=generator, dtype=torch.float64)
    random = torch.randn(rows, 2, generator=generator, dtype=torch.float64)
    return shape, repeat_profile(shape, rows) + noise * random
