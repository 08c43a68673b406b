"""Maps of many unlike series: the shared map plus a penalized change for each."""

import numpy as np
import torch

from revin_forecast import TrainingSettings
from revin_forecast.selection.changed_maps import MIN_CHANGE_WINDOWS, solve_changes
from revin_forecast.selection.select import select_model
from revin_forecast.selection.selector import MANY_CHANNELS, Selector
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.selection.task import SelectionTask


def solve_plainly(series, shared, penalty, lookback, horizon):
    """Return the changed map of one series by its formula, from gathered windows."""
    windows = np.lib.stride_tricks.sliding_window_view(series, lookback + horizon)
    windows = windows[np.isfinite(windows).all(1)]
    windows = windows - windows[:, :lookback].mean(1, keepdims=True)
    past, future = windows[:, :lookback], windows[:, lookback:]
    gram = past.T @ past
    ridge = penalty * np.trace(gram) / lookback * np.eye(lookback)
    return shared + np.linalg.solve(gram + ridge, past.T @ (future - past @ shared.T)).T


def test_a_change_is_ridge_regression_of_the_errors_of_the_shared_map():
    rng = np.random.default_rng(0)
    lookback, horizon = 8, 3
    values = rng.normal(size=(150, 3)).cumsum(0)
    values[60, 0] = np.nan  # windows with the gap are left out
    values[: -lookback - horizon - MIN_CHANGE_WINDOWS + 2, 2] = np.nan  # one window too few
    shared = rng.normal(size=(horizon, lookback))
    penalties = (0.01, 1.0)
    solved = solve_changes(torch.from_numpy(values), torch.from_numpy(shared), "mean", penalties)
    for maps, penalty in zip(solved, penalties, strict=True):
        for channel in (0, 1):
            wanted = solve_plainly(values[:, channel], shared, penalty, lookback, horizon)
            np.testing.assert_allclose(maps[channel], wanted, atol=1e-5)
        np.testing.assert_allclose(maps[2], shared, atol=1e-6)


def test_many_unlike_series_are_forecast_by_maps_of_their_own():
    # One map can't forecast seasons of different lengths; a change of it for each series can.
    rng = np.random.default_rng(1)
    rows, channels, horizon = 300, MANY_CHANNELS + 1, 4
    seasons = np.linspace(5, 11, channels)
    waves = np.sin(2 * np.pi * np.arange(rows)[:, None] / seasons)
    task = SelectionTask(waves + 0.1 * rng.normal(size=waves.shape), 240, horizon, (12,))
    selector = Selector(task, SelectionSettings(), lookback=24)
    choice = select_model(selector, TrainingSettings())
    own, *others = choice.leaderboard
    assert own["model"] == "Ridge, one each"
    assert own["mase"] < 0.6 * min(row["mase"] for row in others if row["model"] == "Ridge")
    # The final model is solved on all rows.
    past = torch.from_numpy(task.values[-24:]).float().unsqueeze(0)
    ahead = np.sin(2 * np.pi * np.arange(rows, rows + horizon)[:, None] / seasons)
    assert np.abs(choice.model(past)[0].detach().numpy() - ahead).mean() < 0.1


def test_a_median_level_has_no_changed_maps():
    task = SelectionTask(np.random.default_rng(0).normal(size=(90, MANY_CHANNELS + 1)), 70, 2)
    for centring, is_tried in (("median", False), ("none", False), ("last", True)):
        selector = Selector(task, SelectionSettings(), centring=centring, lookback=8)
        rows = select_model(selector, TrainingSettings()).leaderboard
        assert any(row["model"] == "Ridge, one each" for row in rows) == is_tried
