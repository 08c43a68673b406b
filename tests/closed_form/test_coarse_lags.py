"""Means of old lags: exact least squares on the means, and exact products of their maps."""

import pytest
import torch

from revin_forecast.closed_form.coarse_lags import (
    coarsen_inputs,
    coarsen_problem,
    coarsen_residual,
    list_run_lengths,
    refine_weights,
)
from revin_forecast.closed_form.normal_equations import NormalEquations, solve_ridge


def average(windows: torch.Tensor) -> torch.Tensor:
    """Average the runs of explicit windows, one after the other."""
    parts = windows.split(list_run_lengths(windows.shape[1]), dim=1)
    return torch.stack([part.mean(dim=1) for part in parts], dim=1)


@pytest.mark.parametrize("lookback", [1, 360, 361, 363, 364, 720, 721, 725, 800])
def test_runs_cover_the_window(lookback: int):
    lengths = list_run_lengths(lookback)
    assert sum(lengths) == lookback
    assert lengths[-360:] == [1] * min(360, lookback)


@pytest.mark.parametrize("lookback", [363, 725])
def test_equations_are_those_of_averaged_windows(lookback: int):
    torch.manual_seed(0)
    windows, targets = torch.randn(900, lookback).double(), torch.randn(900, 3).double()
    coarse = coarsen_inputs(NormalEquations.from_windows(windows, targets))
    inputs = average(windows)
    expected = NormalEquations.from_windows(inputs, targets)
    torch.testing.assert_close(coarse.gram, expected.gram)
    torch.testing.assert_close(coarse.cross, expected.cross)
    torch.testing.assert_close(coarse.input_sums, expected.input_sums)
    weight = solve_ridge(coarse, 1e-2)
    refined = refine_weights(weight, lookback)
    torch.testing.assert_close(windows @ refined.mT, inputs @ weight.mT)


@pytest.mark.parametrize("is_constant", [True, False], ids=["constant over runs", "single steps"])
def test_residual_of_a_map(is_constant: bool):
    """Maps that are constant over the runs take the short way, others the long one."""
    torch.manual_seed(0)
    windows, targets = torch.randn(900, 371).double(), torch.randn(900, 8).double()
    equations = NormalEquations.from_windows(windows, targets)
    inputs = len(list_run_lengths(371))
    weight = torch.randn(8, inputs).double() if is_constant else torch.randn(8, 371).double()
    weight = refine_weights(weight, 371)
    coarse, _ = coarsen_problem(equations, weight)
    assert (len(coarse.gram) == inputs) is is_constant
    residual = coarsen_residual(equations, weight)
    rest = targets - windows @ weight.mT
    expected = NormalEquations.from_windows(average(windows), rest)
    torch.testing.assert_close(residual.cross, expected.cross)
    torch.testing.assert_close(residual.target_squares, expected.target_squares)
    torch.testing.assert_close(residual.gram, expected.gram)
