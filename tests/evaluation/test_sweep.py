"""Evaluation of a sweep on the test windows of a table."""

import math

import numpy as np
import pytest
import torch

from revin_forecast.closed_form import SweepGrid
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.evaluation import sweep_scores
from revin_forecast.evaluation.holdout import build_naive_baselines, score
from revin_forecast.evaluation.sweep import evaluate_sweep
from tests.support.closed_form import PENALTIES, SMALL, seasonal_series, waves


def test_a_deseasonalized_sweep_is_scored_on_every_window():
    _, values = seasonal_series(600)
    sweep = SweepGrid((8,), (3, 6), PENALTIES, 3, per_channel=True, season=12)
    result = evaluate_sweep(ChronologicalSplit(values.numpy(), 400, 480, 590), sweep, season=12)
    plain_grid = SweepGrid((8,), (3, 6), PENALTIES, 3)
    plain = evaluate_sweep(ChronologicalSplit(values.numpy(), 400, 480, 590), plain_grid, season=12)
    assert result.sweep_result.profile_share > 0
    for scores, plain_scores in zip(result.horizons, plain.horizons, strict=True):
        assert scores.closed_form_mse == pytest.approx(scores.scores.mse, rel=1e-5)
        assert scores.scores.mse < plain_scores.scores.mse
        assert scores.repeat == plain_scores.repeat


def test_a_sweep_is_evaluated_on_every_test_window():
    values = waves(12, 7, rows=500).numpy()
    result = evaluate_sweep(ChronologicalSplit(values, 300, 380, 500), SMALL, season=12)
    for scores in result.horizons:
        assert scores.scores.windows == 120 - scores.horizon + 1
        assert scores.closed_form_mse == pytest.approx(scores.scores.mse, rel=1e-5)
        assert scores.scores.mse < scores.repeat.mse
    values[400, 0] = math.nan
    gap = evaluate_sweep(ChronologicalSplit(values, 300, 380, 500), SMALL, season=12)
    assert [scores.closed_form_mse for scores in gap.horizons] == [None, None]
    assert gap.horizons[0].scores.mse < gap.horizons[0].repeat.mse
    once = evaluate_sweep(ChronologicalSplit(values, 300, 380, 500), SMALL, season=12, refit=False)
    assert once.sweep_result.shared_choices == gap.sweep_result.shared_choices
    assert once.horizons[0].scores.mse != gap.horizons[0].scores.mse


def test_all_additions_together_are_scored_as_their_modules_are(monkeypatch):
    """Profile, own maps, robust solve, kept levels and a logarithm, by products of matrices."""
    # Small blocks: some begin behind the last window of the longer horizon.
    monkeypatch.setattr(sweep_scores, "BLOCK_WINDOWS", 4)
    _, values = seasonal_series(900)
    amounts = (0.3 * values + torch.tensor([0.0, 2.0])).exp().numpy()
    grid = SweepGrid(
        (8,), (3, 6), PENALTIES, 3, per_channel=True, season=12, robust=True, keep_levels=True
    )
    split = ChronologicalSplit(amounts, 600, 720, 890)
    results = [evaluate_sweep(split, grid, 12, refit, transforms=True) for refit in (True, False)]
    first, second = (result.sweep_result for result in results)
    assert first.transform is not None
    assert first.profile_share > 0
    assert any(first.level_shares)
    # One selection, whichever rows the maps are solved on.
    for name in ("shared_choices", "channel_penalties", "robust_shares", "level_shares"):
        assert getattr(first, name) == getattr(second, name)
    numbers = np.arange(900.0)[:, None]
    known = ChronologicalSplit(amounts, 600, 720, 890, known=numbers)
    for horizon in results[0].horizons:
        assert horizon.closed_form_mse is None
        expected = score(horizon.model, known.make_windows("test", 8, horizon.horizon))
        assert horizon.scores.windows == expected.windows
        assert horizon.scores.mse == pytest.approx(expected.mse, rel=1e-4)
        assert horizon.scores.mae == pytest.approx(expected.mae, rel=1e-4)
        baselines = build_naive_baselines(12, horizon.horizon, 2, 12)
        windows = split.make_windows("test", 12, horizon.horizon)
        for name in ("repeat", "seasonal_naive"):
            naive = score(baselines[name], windows)
            assert getattr(horizon, name).mse == pytest.approx(naive.mse, rel=1e-5)
            assert getattr(horizon, name).mae == pytest.approx(naive.mae, rel=1e-5)
