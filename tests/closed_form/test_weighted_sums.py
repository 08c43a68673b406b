"""Weighted sums against weighted windows, extracted one by one."""

import numpy as np
import torch

from revin_forecast.closed_form.robust_weights import (
    WindowRuns,
    compute_robust_weights,
    measure_residuals,
)
from revin_forecast.closed_form.weighted_sums import WeightedSums
from tests.support.closed_form import gather_windows, walk


def test_sums_with_constant_weights_in_runs_equal_those_of_windows():
    values, lookback, horizon, first = walk(120, 2), 9, 5, 20
    runs = WindowRuns.split(first, 110, channels=2)
    sums, expected = WeightedSums(lookback, horizon), 0.0
    for channel in range(2):
        generator = torch.Generator().manual_seed(channel)
        runs = WindowRuns(torch.tensor([20, 27, 28, 60, 110]))
        weights = torch.rand(4, generator=generator, dtype=torch.float64)
        series = values[:, channel]
        spread = runs.spread_weights(weights, series, (lookback, horizon))
        # In two parts, as held-out blocks are.
        sums.add_windows(series, spread[:33], first)
        sums.add_windows(series, spread[33:], first + 33)
        past, future = gather_windows(series.unsqueeze(1), lookback, horizon, first, 110)
        both = np.concatenate([past, future], axis=1)
        expected = expected + (both * spread.numpy()[:, None]).T @ both
    equations = sums.equations()
    np.testing.assert_allclose(equations.gram, expected[:9, :9], atol=1e-9)
    np.testing.assert_allclose(equations.cross, expected[9:, :9], atol=1e-9)
    np.testing.assert_allclose(equations.target_squares, np.diag(expected)[9:], atol=1e-9)


def test_windows_with_a_gap_have_no_weight():
    series = walk(90, 1)[:, 0]
    series[50] = torch.nan
    runs = WindowRuns.split(10, 80, channels=1)
    spread = runs.spread_weights(torch.ones(70, dtype=torch.float64), series, (6, 4))
    assert spread.sum() == 70 - 10  # ten windows of ten rows hold row 50
    sums = WeightedSums(6, 4)
    sums.add_windows(series, spread, 10)
    complete = series.clone()
    complete[50] = 123.0
    other = WeightedSums(6, 4)
    other.add_windows(complete, spread, 10)
    torch.testing.assert_close(sums.equations().gram, other.equations().gram)
    assert sums.count == 60


def test_runs_cover_all_windows_and_are_few():
    runs = WindowRuns.split(100, 50_000, channels=321)
    assert (int(runs.edges[0]), int(runs.edges[-1])) == (100, 50_000)
    assert len(runs.middles) * 321 <= 16_000
    assert (runs.edges.diff() > 0).all()
    assert len(WindowRuns.split(3, 5, channels=1).middles) == 2


def test_weights_fall_with_the_residual_down_to_a_floor():
    residuals = torch.tensor([[1.0, 2.0, 2.0, 4.0, 0.0, torch.nan], [0.0] * 6])
    weights = compute_robust_weights(residuals.double())
    torch.testing.assert_close(weights.mean(dim=1), torch.ones(2).double())
    first = weights[0] / weights[0, 1]
    # The floor is a tenth of the median, 2; an unknown residual counts as the median.
    expected = torch.tensor([2.0, 1.0, 1.0, 0.5, 10.0, 1.0]).double()
    torch.testing.assert_close(first, expected)
    torch.testing.assert_close(weights[1], torch.ones(6).double())


def test_residuals_are_those_of_the_map():
    series, weight = walk(60, 1)[:, 0], torch.full((2, 4), 0.25, dtype=torch.float64)
    origins = torch.tensor([10, 30])
    measured = measure_residuals(series, weight, origins, first=3)
    expected = [
        (series[o + 3 : o + 5] - series[o - 4 : o].mean()).abs().mean() for o in origins.tolist()
    ]
    torch.testing.assert_close(measured, torch.stack(expected), rtol=1e-5, atol=1e-6)
