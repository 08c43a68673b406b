"""The selected combination: its evidence, its weights and its forecasts."""

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import Forecaster, TrainingSettings
from revin_forecast.backbones import Ridge
from revin_forecast.metrics.seasonal_scale import naive_scale
from revin_forecast.selection.select import select_model
from revin_forecast.selection.selector import Selector
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.selection.task import SelectionTask
from tests.support.seasonal_values import make_values


def run_selection(values, train=320, horizon=6, seasons=(12,), **options):
    selector = Selector(
        SelectionTask(values, train, horizon, seasons), SelectionSettings(**options)
    )
    return select_model(selector, TrainingSettings(max_epochs=1)), selector


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["waves", "walk", "noise", "flat"])
def test_never_worse_than_the_naive_forecasts_on_validation(kind, seed):
    random = np.random.default_rng(seed)
    values = {
        "waves": make_values(seed=seed),
        "walk": random.normal(size=(400, 3)).cumsum(axis=0),
        "noise": random.normal(size=(400, 3)),
        "flat": np.repeat([[1.0, 2.0, 3.0]], 400, axis=0) * (np.arange(400) > 350)[:, None],
    }[kind]
    choice, _ = run_selection(values)
    naive = [
        row["mase"] for row in choice.leaderboard if row["model"].startswith(("Repeat", "Seasonal"))
    ]
    assert len(naive) == 2
    assert choice.mase <= min(row["mase"] for row in choice.leaderboard) + 1e-4
    assert choice.mase <= min(naive) + 1e-4


def test_the_evidence_describes_the_selected_model():
    values = make_values()
    choice, selector = run_selection(values)
    shares = [row["share"] for row in choice.leaderboard]
    assert sum(shares) == pytest.approx(1, abs=1e-3)
    assert [row["mase"] for row in choice.leaderboard] == sorted(
        row["mase"] for row in choice.leaderboard
    )
    calibration = choice.calibration
    errors = (
        calibration.residuals.abs().mean((0, 1)).numpy()
        / naive_scale(torch.from_numpy(values[:320]), 12).numpy()
    )
    assert errors.mean().item() == pytest.approx(choice.mase, rel=1e-4)
    # Maps of the training rows forecast the validation windows; the model is fitted on all rows.
    past = selector.validation.past[:, -choice.config.lookback :]
    assert torch.equal(calibration.past, past)
    assert choice.model(past).shape == choice.validation.forecast.shape == (75, 6, 3)
    torch.testing.assert_close(
        calibration.residuals, selector.validation.truth - choice.validation.forecast
    )
    for origin, window in zip(choice.validation.origins, calibration.past, strict=True):
        np.testing.assert_allclose(window[-1], values[origin - 1], rtol=1e-6)


def test_a_channel_unlike_the_others_gets_its_own_weights():
    random = np.random.default_rng(0)
    waves = np.sin(2 * np.pi * np.arange(400) / 12)[:, None] + random.normal(0, 0.1, (400, 3))
    values = np.column_stack([waves, random.normal(size=400).cumsum() / 10])
    choice, _ = run_selection(values)
    weights = choice.model.backbone.weights
    assert torch.allclose(weights.sum(0), torch.ones(4), atol=1e-5)
    assert (weights >= 0).all()
    assert not torch.allclose(weights[:, 0], weights[:, 3], atol=1e-3)


def test_a_channel_that_was_constant_before_gets_no_wild_map():
    random = np.random.default_rng(0)
    dates = pd.date_range("2010-01-31", periods=200, freq="ME")
    noise = random.normal(size=200)
    # Not 0 and 1, which would be a known input.
    step = 1 + (np.arange(200) > 150) * 1.0
    table = pd.DataFrame({"date": dates, "noise": noise, "step": step, "still": 5.0})
    forecast = Forecaster(horizon=3).fit(table).predict(level=[80])
    assert forecast["step-lo-80"].min() > -1
    assert forecast["step-hi-80"].max() < 5
    np.testing.assert_allclose(forecast.filter(like="still"), 5.0)


def test_an_exact_season_is_repeated():
    table = pd.DataFrame(
        {"date": pd.date_range("2024-01-01", periods=60), "x": 10.0 + np.arange(60) % 7}
    )
    forecast = Forecaster(horizon=7).fit(table).predict()
    np.testing.assert_allclose(forecast.x, 10 + np.arange(60, 67) % 7, atol=1e-3)


def test_an_unusual_season_is_detected_and_used():
    table = pd.DataFrame(
        {"date": pd.date_range("2024-01-01", periods=300), "x": np.resize(np.arange(11) ** 2, 300)}
    )
    forecaster = Forecaster(horizon=11).fit(table)
    truth = np.resize(np.arange(11) ** 2, 311)[300:]
    np.testing.assert_allclose(forecaster.predict().x, truth, atol=0.5)
    models = [row["model"] for row in forecaster.fitted.summary["selection"]["candidates"]]
    assert "seasonal naive (11)" in models
    assert models[0].startswith(("ETS(A,N,A)", "seasonal naive"))
    assert forecaster.fitted.summary["selection"]["season"] == 11


def test_candidates_beyond_the_budget_are_skipped():
    choice, _ = run_selection(make_values(), budget=0.0)
    assert {row["model"] for row in choice.leaderboard} == {"Repeat", "SeasonalNaive (12)"}
    assert "Ridge, last, 12" in choice.skipped_candidates


def test_inputs_are_used_but_not_forecast():
    time = np.arange(200)
    dates = pd.date_range("2024-01-01", periods=200)
    table = pd.DataFrame({"date": dates, "a": np.sin(time), "input": np.cos(time), "b": time % 7})
    for backbone in ("auto", Ridge):
        forecaster = Forecaster(5, backbone=backbone).fit(table, inputs=["input"])
        forecast = forecaster.predict(level=[80])
        assert [name for name in forecast.columns if "-" not in name] == ["date", "a", "b"]
        assert np.abs(forecast.a - np.sin(np.arange(200, 205))).max() < 0.1
        assert forecaster.fitted.config.targets == (0, 2)


def test_gaps_hardly_change_the_selection():
    values = make_values()
    gapped = values.copy()
    gapped[np.random.default_rng(1).random(values.shape) < 0.1] = np.nan
    gapped[:100, 1] = np.nan
    choice, _ = run_selection(gapped)
    without_gaps, _ = run_selection(values)
    assert np.isfinite(choice.mase)
    assert choice.mase < 1.4 * without_gaps.mase
    assert {row["model"] for row in choice.leaderboard} >= {"Ridge", "Ridge, one each"}


@pytest.mark.parametrize(("rows", "horizon"), [(3, 5), (4, 3), (5, 3), (9, 4), (15, 2)])
def test_a_few_rows_still_get_a_forecast(rows, horizon):
    table = pd.DataFrame(
        {"date": pd.date_range("2024-01-01", periods=rows), "x": np.arange(rows) * 1.0}
    )
    forecaster = Forecaster(horizon).fit(table)
    forecast = forecaster.predict(level=[80])
    # The line continues.
    np.testing.assert_allclose(forecast.x, rows + np.arange(horizon), rtol=1e-6)
    assert (forecast["x-lo-80"] <= forecast.x).all()
    assert (forecast["x-hi-80"] >= forecast.x).all()
    assert "note" not in forecaster.fitted.summary["fit"]
    assert forecaster.fitted.summary["selection"]["windows"] >= 1
