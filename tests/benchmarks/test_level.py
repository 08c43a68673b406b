"""Treatments of the level are scored right on real sets."""

import math

import numpy as np
import pytest
import torch

from benchmarks.accuracy.level import FILES, RATIOS, LevelCell, add_summary_rows, score_shrunk
from benchmarks.accuracy.level_maps import (
    LevelErrors,
    add_equations,
    read_raw_maps,
    solve_blended,
    solve_kept,
    solve_taken,
)
from benchmarks.accuracy.level_risk import simulate_levels
from revin_forecast import Reversible, RevIN, Ridge
from revin_forecast.closed_form import fit_ridge, ridge_mse, window_equations
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.normalizers import Blend
from tests.support.evidence_pages import committed_rows, repeat_page

LOOKBACK, HORIZON, PENALTY = 6, 3, 0.05


@pytest.fixture(scope="module")
def walks():
    """Three channels of levels that return slowly, with noise, (260, 3)."""
    generator = torch.Generator().manual_seed(3)
    levels = simulate_levels(260, 0, 15, 3, generator)
    return levels + 0.7 * torch.randn(260, 3, generator=generator, dtype=torch.float64)


def solve_dense(values, has_level, has_constant=True):
    """Return inputs and forecasts of all windows, by NumPy's least squares on windows.

    Args:
        values: (time, channels).
        has_level: whether the level is a column, too, without a penalty.
        has_constant: whether a constant goes with it.
    """
    windows = np.lib.stride_tricks.sliding_window_view(values, LOOKBACK + HORIZON, axis=0)
    windows = windows.transpose(1, 0, 2).reshape(-1, LOOKBACK + HORIZON)
    level = windows[:, :LOOKBACK].mean(axis=1, keepdims=True)
    inputs, targets = windows[:, :LOOKBACK] - level, windows[:, LOOKBACK:] - level
    penalty = PENALTY * (inputs**2).sum() / LOOKBACK
    columns = [inputs, level, np.ones_like(level)][: 1 + has_level + (has_level and has_constant)]
    design = np.concatenate(columns, axis=1)
    rows = math.sqrt(penalty) * np.eye(LOOKBACK, design.shape[1])
    solution, *_ = np.linalg.lstsq(
        np.concatenate([design, rows]),
        np.concatenate([targets, np.zeros((LOOKBACK, HORIZON))]),
        rcond=None,
    )
    return windows, design @ solution + level


@pytest.mark.parametrize(("solve", "has_level"), [(solve_taken, False), (solve_kept, True)])
def test_maps_from_sums_equal_least_squares_on_windows(walks, solve, has_level):
    windows, expected = solve_dense(walks.numpy(), has_level)
    level_map = solve(window_equations(walks, LOOKBACK, HORIZON), PENALTY)
    weight, bias = level_map.weight.numpy(), level_map.bias.numpy()
    forecasts = windows[:, :LOOKBACK] @ weight.T + bias
    np.testing.assert_allclose(forecasts, expected, atol=1e-9)
    error = level_map.squared_error(window_equations(walks, LOOKBACK, HORIZON))
    assert error == pytest.approx(((windows[:, LOOKBACK:] - expected) ** 2).sum(), rel=1e-9)


def test_mixtures_are_scored_as_on_windows(walks):
    shares = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    by_channel = [window_equations(one, LOOKBACK, HORIZON) for one in walks.split(1, dim=1)]
    total = add_equations(by_channel)
    errors = LevelErrors.from_maps(
        solve_taken(total, PENALTY), solve_kept(total, PENALTY), by_channel
    )
    windows, taken = solve_dense(walks.numpy(), has_level=False)
    _, kept = solve_dense(walks.numpy(), has_level=True)
    share = shares.numpy().repeat(len(windows) // 3)[:, None]
    mixed = taken + share * (kept - taken)
    expected = ((mixed - windows[:, LOOKBACK:]) ** 2).mean()
    assert errors.mse(shares) == pytest.approx(expected, rel=1e-9)
    # The bound of the theory: a mixture is never worse than the weighted ends.
    ends = (1 - shares) * errors.taken + shares * errors.kept
    assert (errors.mix(shares) <= ends + 1e-9).all()


def test_taken_and_blended_maps_are_the_package_s(walks):
    by_channel = [window_equations(one, LOOKBACK, HORIZON) for one in walks.split(1, dim=1)]
    ridge = Ridge(LOOKBACK, HORIZON, 3, penalties=[PENALTY])
    model = Reversible(ridge, RevIN(3, affine=False))
    fit_ridge(model, walks)
    taken = solve_taken(add_equations(by_channel), PENALTY)
    for one in read_raw_maps(model, LOOKBACK, 3):
        torch.testing.assert_close(one.weight, taken.weight, atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(one.bias, taken.bias, atol=1e-6, rtol=1e-6)
    error = sum(taken.squared_error(one) for one in by_channel)
    count = HORIZON * sum(one.count for one in by_channel)
    assert error / count == pytest.approx(ridge_mse(model, walks), rel=1e-5)
    blend = Blend(3)
    blend.initialize_from(walks, LOOKBACK)
    model = Reversible(Ridge(LOOKBACK, HORIZON, 3, penalties=[PENALTY]), blend).double()
    fit_ridge(model, walks)
    maps = solve_blended(by_channel, blend.share.tolist(), PENALTY)
    past = walks[:LOOKBACK].unsqueeze(0)
    forecast = model(past)[0]
    for channel, one in enumerate(maps):
        expected = one.weight @ past[0, :, channel] + one.bias
        torch.testing.assert_close(forecast[:, channel], expected, atol=1e-5, rtol=1e-5)


def compute_plain_share(values):
    """Return the share of one channel by NumPy's regression of the change on the level."""
    levels = values[len(values) % LOOKBACK :].reshape(-1, LOOKBACK).mean(axis=1)
    design = np.stack([levels[:-1], np.ones(len(levels) - 1)], axis=1)
    change = np.diff(levels)
    solution = np.linalg.solve(design.T @ design, design.T @ change)
    variance = ((change - design @ solution) ** 2).sum() / (len(change) - 2)
    tau = solution[0] / math.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0])
    return max(0, 1 - 9 / tau**2) if tau < 0 else 0


def test_the_shrunk_level_of_the_package_is_between_plain_ends(walks):
    values = walks.numpy() - walks.numpy().mean(axis=0)
    windows, taken = solve_dense(values, has_level=False)
    _, kept = solve_dense(values, has_level=True, has_constant=False)
    shares = np.array([compute_plain_share(channel) for channel in values.T])
    assert (shares > 0.1).any()
    share = shares.repeat(len(windows) // 3)[:, None]
    expected = ((taken + share * (kept - taken) - windows[:, LOOKBACK:]) ** 2).mean()
    split = ChronologicalSplit(walks.numpy(), 260, 260, 260)
    cell = LevelCell(split, LOOKBACK, HORIZON, PENALTY)
    assert score_shrunk(cell, walks, walks) == pytest.approx(expected, rel=1e-4)
    assert expected < ((taken - windows[:, LOOKBACK:]) ** 2).mean()


def test_summary_counts_the_cells_where_both_ends_are_better():
    cell = dict.fromkeys(RATIOS, 1.0) | {"data": "a", "horizon": 96, "counted": True}
    cell |= {"kept": 0.9, "shrunk": 1.02}
    unlucky = cell | {"kept": 1.3, "shrunk": 1.2}
    ignored = cell | {"counted": False, "shrunk": 9.0}
    *cells, mean, worst, best, behind = add_summary_rows([cell, unlucky, ignored])
    assert cells == [cell, unlucky, ignored]
    assert mean["shrunk"] == pytest.approx(1.11)
    assert (worst["shrunk"], best["kept"], behind["shrunk"], behind["kept"]) == (1.2, 0.9, 1, 0)
    assert add_summary_rows([*cells, mean, worst, best, behind])[:3] == cells


def test_treatments_of_the_level_are_measured_and_the_shrunk_one_costs_nothing(data_dir, tmp_path):
    rows = repeat_page("accuracy_level", tmp_path, data_dir=data_dir)
    assert [row["data"] for row in rows] == ["etth1"] * 2 + ["mean", "worst", "best", "behind both"]
    *cells, mean, worst, _, behind = committed_rows("accuracy_level")
    counted = [row for row in cells if row["counted"]]
    assert {row["data"] for row in counted} == set(FILES)
    assert len(counted) == 2 * len(FILES)
    assert worst["shrunk"] <= 1.002
    assert behind["shrunk"] == 0
    assert mean["shrunk"] < min(1, mean["kept"], mean["chosen"], mean["Blend"])
    assert worst["shrunk"] < worst["pretest"]
