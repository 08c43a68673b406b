"""Normal equations and ridge paths against explicit windows."""

import numpy as np
import pytest
import torch

from revin_forecast.closed_form import WindowSums
from revin_forecast.closed_form.normal_equations import CholeskyRidgePath, RidgePath, ridge_path
from tests.support.closed_form import PENALTIES, check_equations, gather_windows, walk


def test_truncating_centring_and_selecting_steps():
    values = walk()
    past, future = gather_windows(values, 9, 5, 9, 140)
    equations = WindowSums(values, 9, 5).equations_over(9, 140)
    check_equations(equations.truncate(4, 2), past[:, -4:], future[:, :2])
    check_equations(equations.select_steps(slice(2, 5)), past, future[:, 2:5])
    weights = torch.linspace(0, 1, 9, dtype=torch.float64)
    level = past @ weights.numpy()[:, None]
    check_equations(equations.centre(weights), past - level, future - level)
    difference = equations - WindowSums(values, 9, 5).equations_over(30, 60)
    outside = [row for row in range(2 * 131) if not 30 <= 9 + row % 131 < 60]
    check_equations(difference, past[outside], future[outside])


def test_group_errors_equal_those_of_the_maps():
    values = walk()
    training = WindowSums(values, 9, 5).equations_over(9, 80)
    validation = WindowSums(values, 9, 5).equations_over(90, 140)
    path = RidgePath(training)
    errors = path.group_errors(validation, PENALTIES, (2, 5))
    past, future = gather_windows(values, 9, 5, 90, 140)
    for column, penalty in enumerate(PENALTIES):
        residual = (future - past @ path.solve(penalty).numpy().T) ** 2
        expected = residual[:, :2].sum(), residual[:, 2:].sum()
        np.testing.assert_allclose(errors[:, column], expected, rtol=1e-10)
        torch.testing.assert_close(path.solve(penalty)[2:4], path.solve(penalty, slice(2, 4)))


@pytest.mark.parametrize(("horizon", "kind"), [(2, CholeskyRidgePath), (5, RidgePath)])
def test_both_ridge_paths_agree(horizon, kind):
    equations = WindowSums(walk(), 9, horizon).equations_over(9, 80)
    path, other = ridge_path(equations), RidgePath(equations)
    assert type(path) is kind
    validation = WindowSums(walk(), 9, horizon).equations_over(90, 140)
    errors = path.errors(validation, PENALTIES)
    torch.testing.assert_close(errors, other.errors(validation, PENALTIES))
    torch.testing.assert_close(path.solve(1e-3), other.solve(1e-3))
