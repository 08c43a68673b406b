"""Evaluation of a sweep on the test windows of a table."""

import math

import pytest

from revin_forecast.closed_form import SweepGrid
from revin_forecast.data.split import ChronologicalSplit
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
