"""Closed-form maps against the exact least squares of all windows."""

import torch

from revin_forecast import Reversible
from revin_forecast.backbones import Ridge
from revin_forecast.closed_form import fit_ridge
from revin_forecast.normalizers import Identity, LastValue
from revin_forecast.selection.linear_maps import LinearMapSolver
from tests.support.seasonal_values import make_values


def test_maps_are_the_exact_least_squares_of_all_windows():
    values = torch.from_numpy(make_values())
    training, validation = values[:320], values[320 - 48 :]
    solver = LinearMapSolver(training, validation, max_lookback=48, horizon=6)
    for centring, kind in (("last", LastValue), ("none", Identity)):
        for lookback in (48, 12):
            model = Reversible(Ridge(lookback, 6, 3), kind(3))
            fit = fit_ridge(model, training, validation[48 - lookback :])
            solved = solver.solve(centring, lookback)
            assert solved.penalty == fit.penalties[0]
            torch.testing.assert_close(solved.weight.float(), model.backbone.weight)
            torch.testing.assert_close(solved.bias.float(), model.backbone.bias)
            fit_ridge(model, training, validation[48 - lookback :], refit=True)
            weight, _ = solved.refit(values)
            # Refitting counts the windows across the border of both parts, too.
            torch.testing.assert_close(weight.float(), model.backbone.weight, atol=0.03, rtol=0)


def test_shorter_look_backs_share_the_sums_of_the_longest():
    values = torch.from_numpy(make_values(rows=2000))
    shared = LinearMapSolver(values[:1600], values[1600 - 48 :], max_lookback=48, horizon=6)
    exact = LinearMapSolver(values[:1600], values[1600 - 12 :], max_lookback=12, horizon=6)
    shared_weight, exact_weight = (solver.solve("mean", 12).weight for solver in (shared, exact))
    assert not torch.equal(shared_weight, exact_weight)
    torch.testing.assert_close(shared_weight, exact_weight, atol=0.02, rtol=0)
