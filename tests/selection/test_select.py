import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast import Forecaster, InputError, Reversible, TrainingSettings
from revin_forecast.backbones import DLinear, Ridge, TSMixer
from revin_forecast.closed_form import fit_ridge
from revin_forecast.closed_form.gram import window_moments
from revin_forecast.closed_form.normal_equations import NormalEquations, RidgePath, solve_ridge
from revin_forecast.closed_form.window_choice import observed_target_equations
from revin_forecast.models.ensemble import WeightedCombination
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, LastValue, RevIN
from revin_forecast.selection import (
    SelectionSettings,
    SelectionTask,
    Selector,
    detect_seasons,
    select_model,
)
from revin_forecast.selection.calibration_residuals import MAX_ERROR_RATIO, limit_block_errors
from revin_forecast.selection.candidates import NORMALIZERS, centring_of, list_lookbacks
from revin_forecast.selection.linear_maps import LinearMapSolver
from revin_forecast.selection.validation import ValidationWindows, seasonal_error
from revin_forecast.selection.weights import absolute_errors, channel_weights, common_weights


def values(rows=400, channels=3, season=12, seed=0):
    """Seasons, a trend, a random walk and noise, standardized as a whole."""
    dice = np.random.default_rng(seed)
    time = np.arange(rows)[:, None]
    waves = np.sin(2 * np.pi * time / season + np.arange(channels)) * np.arange(1, channels + 1)
    walk = dice.normal(0, 0.2, (rows, channels)).cumsum(axis=0)
    made = waves + walk + dice.normal(0, 0.3, (rows, channels))
    return (made - made.mean(axis=0)) / made.std(axis=0)


def chosen(made, train=320, horizon=6, seasons=(12,), **options):
    selector = Selector(SelectionTask(made, train, horizon, seasons), SelectionSettings(**options))
    return select_model(selector, TrainingSettings(max_epochs=1)), selector


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["waves", "walk", "noise", "flat"])
def test_never_worse_than_the_naive_forecasts_on_validation(kind, seed):
    dice = np.random.default_rng(seed)
    made = {
        "waves": values(seed=seed),
        "walk": dice.normal(size=(400, 3)).cumsum(axis=0),
        "noise": dice.normal(size=(400, 3)),
        "flat": np.repeat([[1.0, 2.0, 3.0]], 400, axis=0) * (np.arange(400) > 350)[:, None],
    }[kind]
    choice, _ = chosen(made)
    naive = [
        row["mase"] for row in choice.leaderboard if row["model"].startswith(("Repeat", "Seasonal"))
    ]
    assert len(naive) == 2
    assert choice.mase <= min(row["mase"] for row in choice.leaderboard) + 1e-4
    assert choice.mase <= min(naive) + 1e-4


def test_the_evidence_is_what_the_model_does():
    made = values()
    choice, selector = chosen(made)
    shares = [row["share"] for row in choice.leaderboard]
    assert sum(shares) == pytest.approx(1, abs=1e-3)
    assert [row["mase"] for row in choice.leaderboard] == sorted(
        row["mase"] for row in choice.leaderboard
    )
    errors = choice.residuals.abs().mean((0, 1)).numpy() / seasonal_error(made[:320], 12)
    assert errors.mean() == pytest.approx(choice.mase, rel=1e-4)
    # Validation windows were forecast by maps of the training rows; the model knows all rows.
    assert choice.model(selector.validation.past[:, -choice.config.lookback :]).shape == (
        len(choice.residuals),
        6,
        3,
    )


def test_a_channel_unlike_the_others_gets_weights_of_its_own():
    dice = np.random.default_rng(0)
    waves = np.sin(2 * np.pi * np.arange(400) / 12)[:, None] + dice.normal(0, 0.1, (400, 3))
    made = np.column_stack([waves, dice.normal(size=400).cumsum() / 10])
    choice, _ = chosen(made)
    weights = choice.model.backbone.weights
    assert torch.allclose(weights.sum(0), torch.ones(4), atol=1e-5)
    assert (weights >= 0).all()
    assert not torch.allclose(weights[:, 0], weights[:, 3], atol=1e-3)


def test_maps_are_the_exact_least_squares_of_all_windows():
    made = torch.from_numpy(values())
    training, validation = made[:320], made[320 - 48 :]
    maps = LinearMapSolver(training, validation, max_lookback=48, horizon=6)
    for centre, kind in (("last", LastValue), ("none", Identity)):
        for lookback in (48, 12):
            model = Reversible(Ridge(lookback, 6, 3), kind(3))
            fit = fit_ridge(model, training, validation[48 - lookback :])
            found = maps.solve(centre, lookback)
            assert found.penalty == fit.penalties[0]
            torch.testing.assert_close(found.weight.float(), model.backbone.weight)
            torch.testing.assert_close(found.bias.float(), model.backbone.bias)
            fit_ridge(model, training, validation[48 - lookback :], refit=True)
            weight, _ = found.refit(made)
            # On all windows at once, those over the border counted once as well.
            torch.testing.assert_close(weight.float(), model.backbone.weight, atol=0.03, rtol=0)


def test_shorter_look_backs_are_parts_of_the_longest():
    made = torch.from_numpy(values(rows=2000))
    near = LinearMapSolver(made[:1600], made[1600 - 48 :], max_lookback=48, horizon=6)
    exact = LinearMapSolver(made[:1600], made[1600 - 12 :], max_lookback=12, horizon=6)
    part, whole = (maps.solve("mean", 12).weight for maps in (near, exact))
    assert not torch.equal(part, whole)
    torch.testing.assert_close(part, whole, atol=0.02, rtol=0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([1e-6, 1e-3, 1.0]))
def test_one_penalty_is_solved_as_on_the_path(seed, penalty):
    made = torch.from_numpy(np.random.default_rng(seed).normal(size=(60, 2)))
    equations = NormalEquations.from_moments(window_moments(made, 12), 8)
    wanted = RidgePath(equations).solve(penalty)
    torch.testing.assert_close(solve_ridge(equations, penalty), wanted)


def test_equations_of_available_targets():
    made = torch.from_numpy(values(rows=200, channels=2))
    gapped = made.clone()
    dice = np.random.default_rng(0)
    gapped[torch.from_numpy(dice.random((200, 2)) < 0.1)] = torch.nan
    normalizer = LastValue(1).double()
    whole = observed_target_equations(made, normalizer, 12, 4, max_windows=10_000)
    exact = NormalEquations.from_moments(
        window_moments(made, 16).centre(normalizer.location_weights(12)), 12
    )
    for name in ("gram", "cross", "target_squares", "input_sums", "target_sums"):
        torch.testing.assert_close(getattr(whole, name), getattr(exact, name))
    some = observed_target_equations(gapped, normalizer, 12, 4, max_windows=10_000)
    assert some.count <= whole.count
    windows = made.unfold(0, 16, 1).flatten(0, 1)
    past, future = windows[:, :12] - windows[:, 11:12], windows[:, 12:] - windows[:, 11:12]
    with_gaps, without = (
        (past @ solve_ridge(one, 1e-3).mT - future).square().mean() for one in (some, whole)
    )
    assert without < with_gaps < 1.3 * without
    nothing = observed_target_equations(made * torch.nan, normalizer, 12, 4, max_windows=50)
    assert nothing.count == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_common_weights_are_at_least_as_good_as_each(seed):
    dice = torch.Generator().manual_seed(seed)
    truth = torch.randn(20, 3, 2, generator=dice)
    truth[torch.rand(truth.shape, generator=dice) < 0.2] = torch.nan
    forecasts = torch.randn(4, 20, 3, 2, generator=dice)
    scale = torch.tensor([1.0, 2.0])
    weights = common_weights(forecasts, truth, scale)
    assert float(weights.sum()) == pytest.approx(1)
    mixed = torch.einsum("mwhc,m->whc", forecasts, weights)
    errors = absolute_errors(torch.cat([forecasts, mixed[None]]), truth) / scale
    assert errors[-1].sum() <= errors[:-1].sum(1).min() + 1e-5


def test_own_weights_need_more_than_luck():
    dice = torch.Generator().manual_seed(0)
    truth = torch.zeros(160, 2, 2)
    alike = torch.randn(3, 160, 2, 2, generator=dice)
    common = torch.full((3,), 1 / 3)
    assert torch.allclose(channel_weights(alike, truth, common), common[:, None], atol=0.1)
    better = alike.clone()
    better[0, :, :, 1] /= 10
    weights = channel_weights(better, truth, common)
    assert torch.allclose(weights[:, 0], common, atol=0.1)
    assert weights[0, 1] > 0.6


@pytest.mark.parametrize(
    ("frequency", "season", "found"),
    [("h", 24, (24, 168)), ("D", 10, (7, 10)), ("W-SUN", 52, (52,)), (None, 9, (9,))],
)
def test_seasons_are_found(frequency, season, found):
    time = np.arange(1000)
    made = np.sin(2 * np.pi * time / season)[:, None] + np.random.default_rng(0).normal(
        0, 0.3, (1000, 2)
    )
    got = detect_seasons(made, frequency, 800)
    assert set(found) <= set(got)
    assert all(2 <= one <= 6 for one in detect_seasons(made[:15], frequency, 12))


def test_a_channel_that_was_still_before_is_no_reason_for_wild_maps():
    dice = np.random.default_rng(0)
    dates = pd.date_range("2010-01-31", periods=200, freq="ME")
    noise = dice.normal(size=200)
    step = (np.arange(200) > 150) * 1.0
    table = pd.DataFrame({"date": dates, "noise": noise, "step": step, "still": 5.0})
    forecast = Forecaster(horizon=3).fit(table).predict(level=[80])
    assert forecast["step-lo-80"].min() > -2
    assert forecast["step-hi-80"].max() < 4
    np.testing.assert_allclose(forecast.filter(like="still"), 5.0)


def test_an_exact_season_is_repeated():
    table = pd.DataFrame(
        {"date": pd.date_range("2024-01-01", periods=60), "x": 10.0 + np.arange(60) % 7}
    )
    forecast = Forecaster(horizon=7).fit(table).predict()
    np.testing.assert_allclose(forecast.x, 10 + np.arange(60, 67) % 7, atol=1e-3)


def test_an_odd_season_is_found_and_beaten_by_none():
    time = np.arange(300)
    table = pd.DataFrame(
        {"date": pd.date_range("2024-01-01", periods=300), "x": np.resize(np.arange(11) ** 2, 300)}
    )
    forecaster = Forecaster(horizon=11).fit(table)
    truth = np.resize(np.arange(11) ** 2, 311)[300:]
    np.testing.assert_allclose(forecaster.predict().x, truth, atol=0.5)
    models = [row["model"] for row in forecaster.fitted.summary["selection"]["candidates"]]
    assert "SeasonalNaive (11)" in models
    assert len(time) == 300


def test_what_is_given_is_kept_to():
    made = values()
    selector = Selector(
        SelectionTask(made, 320, 6, (12,)), SelectionSettings(), centring="last", lookback=24
    )
    choice = select_model(selector, TrainingSettings())
    solved = [row for row in choice.leaderboard if row["model"].startswith("Ridge")]
    assert {(row["normalizer"], row["lookback"]) for row in solved} == {("last", 24)}
    with pytest.raises(InputError, match="hold no window of look-back 400 and horizon 6"):
        Selector(SelectionTask(made, 320, 6), SelectionSettings(), lookback=400)


def test_time_that_is_up_is_told():
    choice, _ = chosen(values(), budget=0)
    assert {row["model"] for row in choice.leaderboard} == {"Repeat", "SeasonalNaive (12)"}
    assert "Ridge, last, 12" in choice.skipped_candidates


def test_thorough_trains_backbones_too(monkeypatch):
    monkeypatch.setattr("revin_forecast.selection.selector.TRAINED_BACKBONES", (DLinear, TSMixer))
    made = values(rows=160, channels=2)
    selector = Selector(SelectionTask(made, 128, 4, (12,)), SelectionSettings(effort="thorough"))
    choice = select_model(selector, TrainingSettings(max_epochs=1))
    models = {row["model"] for row in choice.leaderboard}
    assert {"DLinear", "TSMixer"} <= models
    assert choice.mase <= min(row["mase"] for row in choice.leaderboard) + 1e-4


def test_inputs_teach_but_are_not_forecast():
    time = np.arange(200)
    dates = pd.date_range("2024-01-01", periods=200)
    table = pd.DataFrame({"date": dates, "a": np.sin(time), "seen": np.cos(time), "b": time % 7})
    for backbone in ("auto", Ridge):
        forecaster = Forecaster(5, backbone=backbone).fit(table, inputs=["seen"])
        forecast = forecaster.predict(level=[80])
        assert [name for name in forecast.columns if "-" not in name] == ["date", "a", "b"]
        assert np.abs(forecast.a - np.sin(np.arange(200, 205))).max() < 0.1
        assert forecaster.fitted.config.targets == (0, 2)


def test_gaps_leave_the_choice_standing():
    made = values()
    gapped = made.copy()
    gapped[np.random.default_rng(1).random(made.shape) < 0.1] = np.nan
    gapped[:100, 1] = np.nan
    choice, _ = chosen(gapped)
    whole, _ = chosen(made)
    assert np.isfinite(choice.mase)
    assert choice.mase < 1.4 * whole.mase
    assert {row["model"] for row in choice.leaderboard} >= {"Ridge", "Ridge, one each"}


def test_short_tables_get_intervals_from_earlier_rows():
    time = np.arange(48)
    sold = 100 + 10 * np.sin(time * 2 * np.pi / 12) + np.random.default_rng(0).normal(0, 1, 48)
    table = pd.DataFrame(
        {"month": pd.date_range("2020-01-01", periods=48, freq="MS"), "sold": sold}
    )
    forecaster = Forecaster(horizon=6).fit(table)
    assert forecaster.fitted.summary["selection"]["windows"] == 4
    assert forecaster.fitted.summary["calibration_windows"] > 10
    forecast = forecaster.predict(level=[80])
    assert (forecast["sold-lo-80"] < forecast.sold).all()
    assert (forecast["sold-hi-80"] > forecast.sold).all()


@pytest.mark.parametrize(("rows", "horizon"), [(3, 5), (4, 3), (5, 3), (9, 4), (15, 2)])
def test_a_few_rows_get_the_forecast_that_can_be_had(rows, horizon):
    table = pd.DataFrame(
        {"date": pd.date_range("2024-01-01", periods=rows), "x": np.arange(rows) * 1.0}
    )
    forecaster = Forecaster(horizon).fit(table)
    forecast = forecaster.predict()
    assert len(forecast) == horizon
    assert np.isfinite(forecast.x).all()
    if rows <= horizon:
        assert "too few to compare models" in forecaster.fitted.summary["fit"]["note"]
        np.testing.assert_allclose(forecast.x, rows - 1, rtol=1e-6)
        with pytest.raises(InputError, match="has no intervals: among the last rows"):
            forecaster.predict(level=[80])


def test_look_backs_fit_the_rows():
    assert list_lookbacks(24, (24, 168), 5000) == [48, 96, 192, 336, 512, 720]
    assert list_lookbacks(24, (24,), 30) == [30]
    assert list_lookbacks(4, (12,), 100) == [8, 24, 48, 96]


def test_levels_by_normalizer():
    for centre, component in NORMALIZERS.items():
        assert centring_of(component) == centre
    assert centring_of(ModuleSpec.from_class(RevIN)) == "mean"
    with pytest.raises(InputError, match=r"tries Identity, LastValue and RevIN but got .* SAN"):
        centring_of(ModuleSpec("revin_forecast.normalizers.san.SAN"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seasons": (1,)}, "a season is a number of steps from 2 up"),
        ({"budget": -1}, "the budget is in seconds"),
    ],
)
def test_unfit_selections(options, message):
    with pytest.raises(InputError, match=message):
        SelectionSettings(**options)


def test_a_scale_for_every_channel():
    made = np.column_stack([np.arange(20.0), np.ones(20), np.full(20, np.nan)])
    assert seasonal_error(made, 5).tolist() == [5, np.inf, np.inf]
    assert seasonal_error(made[:3], 5).tolist() == [1, np.inf, np.inf]
    validation = ValidationWindows.from_values(made, 10, 4, 2, 5)
    assert validation.mase(torch.tensor([5.0, 1.0, 1.0])) == 1
    assert (
        ValidationWindows.from_values(made[:, 1:], 10, 4, 2, 5).mase(torch.tensor([1.0, 1.0])) == 0
    )


def test_a_combination_weighs_its_members():
    members = [
        {
            "backbone": ModuleSpec.from_class(Ridge),
            "normalizer": ModuleSpec.from_class(LastValue),
            "lookback": back,
        }
        for back in (4, 8)
    ]
    combination = WeightedCombination(8, 2, 3, members)
    past = torch.randn(5, 8, 3)
    # An unsolved map forecasts the level that was taken away: the last value.
    assert torch.allclose(combination(past), past[:, -1:].expand(-1, 2, -1))
    with pytest.raises(ValueError, match="members that look back at most 6 steps but got"):
        WeightedCombination(6, 2, 3, members)
    model = Reversible(combination, Identity(3))
    gapped = past.clone()
    gapped[:, -1] = torch.nan
    assert torch.allclose(model(gapped), past[:, -2:-1].expand(-1, 2, -1))


def test_earlier_errors_count_within_reason():
    torch.manual_seed(0)
    past, errors = torch.randn(20, 30, 2), torch.randn(20, 4, 2)
    far, near = errors * 100, errors * 0.1
    (first, _), (second, _) = limit_block_errors([(far, past), (near, past)], errors, past)
    torch.testing.assert_close(first, errors * MAX_ERROR_RATIO)
    torch.testing.assert_close(second, near)
    unseen = torch.full_like(errors, torch.nan)
    for validation in (errors * 0, unseen):  # it says nothing of what is much
        (kept, _) = limit_block_errors([(far, past)], validation, past)[0]
        torch.testing.assert_close(kept, far)
