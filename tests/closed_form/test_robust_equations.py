"""The second solve against weighted least squares in plain NumPy."""

import numpy as np
import torch

from revin_forecast.closed_form.normal_equations import solve_ridge
from revin_forecast.closed_form.robust_equations import MIN_RELATIVE_ERROR, robust_equations
from revin_forecast.normalizers import Identity


def test_windows_are_weighted_by_their_inverse_error():
    random = np.random.default_rng(0)
    values = random.normal(size=(60, 2)).cumsum(0)
    weight, bias = random.normal(size=(3, 5)), random.normal(size=3)
    equations = robust_equations(
        torch.from_numpy(values),
        Identity(1).double(),
        torch.from_numpy(weight),
        torch.from_numpy(bias),
        max_windows=1000,
    )
    windows = np.concatenate([np.lib.stride_tricks.sliding_window_view(x, 8) for x in values.T])
    inputs, targets = windows[:, :5], windows[:, 5:]
    errors = np.abs(targets - inputs @ weight.T - bias).mean(1)
    weights = 1 / np.maximum(errors / errors.mean(), MIN_RELATIVE_ERROR)
    weights /= weights.mean()
    assert (weights < weights.max()).any()
    assert equations.count == len(windows)
    gram, cross = (inputs.T * weights) @ inputs, (targets.T * weights) @ inputs
    np.testing.assert_allclose(equations.gram, gram)
    np.testing.assert_allclose(equations.cross, cross)
    np.testing.assert_allclose(equations.input_sums, weights @ inputs)
    np.testing.assert_allclose(equations.target_sums, weights @ targets)
    np.testing.assert_allclose(equations.target_squares, weights @ targets**2)


def test_a_burst_of_noise_moves_the_map_less():
    random = np.random.default_rng(1)
    values = np.zeros((2000, 1))
    for row in range(1, 2000):
        values[row] = 0.8 * values[row - 1] + random.normal()
    values[300:350] += random.normal(0, 10, (50, 1))
    values[500:520] = np.nan
    rows, normalizer = torch.from_numpy(values), Identity(1).double()
    past, future = rows[:-1, 0], rows[1:, 0]
    both = past.isfinite() & future.isfinite()
    weight = ((past * future)[both].sum() / past[both].square().sum()).reshape(1, 1)
    bias = torch.zeros(1, dtype=torch.float64)
    equations = robust_equations(rows, normalizer, weight, bias, max_windows=5000)
    again = solve_ridge(equations, 1e-6)
    assert abs(again.item() - 0.8) < 0.7 * abs(weight.item() - 0.8)


def test_a_map_without_errors_and_a_table_without_windows_have_no_equations():
    values = torch.full((30, 1), 2.0, dtype=torch.float64)
    weight, bias = torch.ones(1, 1).double(), torch.zeros(1).double()
    for rows in (values, values * torch.nan):
        assert robust_equations(rows, Identity(1).double(), weight, bias, 100).count == 0
