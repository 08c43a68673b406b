"""The evaluation protocol: published figures, every window, and nothing seen of the test part."""

import functools

import numpy as np
import pytest
import torch

from revin_forecast.backbones import DLinear, Linear, Repeat, Ridge, SeasonalNaive
from revin_forecast.data.catalog import catalog
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.data.windows import Windows
from revin_forecast.errors import InputError
from revin_forecast.evaluation.holdout import build_naive_baselines, evaluate, score
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, RevIN
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings


def load_split(name, data_dir):
    borders = catalog.find_entry(name).borders
    values = catalog.load_dataset(name, data_dir).values
    return ChronologicalSplit(values, borders.train, borders.validation, borders.test)


def make_config(backbone=Ridge, normalizer=RevIN, lookback=512, horizon=96, **options):
    components = ModuleSpec.from_class(backbone), ModuleSpec.from_class(normalizer)
    return ModelConfig(*components, lookback, horizon, **options)


@pytest.mark.parametrize(
    ("name", "refit", "bound"),
    [("etth1", False, 0.368), ("etth1", True, 0.359), ("etth2", False, 0.268)],
)
def test_ridge_is_level_with_the_best_clean_published(name, refit, bound, data_dir):
    result = evaluate(make_config(refit=refit), load_split(name, data_dir), season=24)
    assert result.model.mse <= bound
    assert result.model.windows == 2785
    assert result.model.mse < result.seasonal_naive.mse < result.repeat.mse


@pytest.mark.parametrize(
    ("name", "horizon", "windows", "mse", "mae"),
    [
        ("etth1", 96, 2785, 1.294, 0.713),
        ("etth2", 720, 2161, 0.594, 0.519),
        ("ettm1", 336, 11185, 1.287, 0.707),
        ("exchange", 192, 1326, 0.167, 0.289),
        ("exchange", 720, 798, 0.810, 0.676),
        ("weather", 96, 10444, 0.259, 0.254),
        ("ili", 60, 134, 6.885, 1.788),
    ],
)
def test_repeat_has_the_known_errors_over_every_window(name, horizon, windows, mse, mae, data_dir):
    parts = load_split(name, data_dir)
    test = Windows(parts.standardizer.to_tensor(parts.select_part("test", 36)), 36, horizon)
    naive = build_naive_baselines(36, horizon, parts.values.shape[1], season=1)
    scores = score(naive["repeat"], test)
    assert (scores.windows, round(scores.mse, 3), round(scores.mae, 3)) == (windows, mse, mae)
    assert score(naive["seasonal_naive"], test).mse == scores.mse


def test_revin_helps_where_the_level_moves(data_dir):
    parts = load_split("etth2", data_dir)
    with_revin = evaluate(make_config(), parts, season=24).model.mse
    without = evaluate(make_config(normalizer=Identity), parts, season=24).model.mse
    assert with_revin < 0.95 * without


def random_split(rows=300, channels=2):
    values = np.random.default_rng(0).normal(size=(rows, channels)).cumsum(0)
    return ChronologicalSplit(values, 180, 240, rows)


def test_scores_against_numpy_with_gaps_in_any_batching(monkeypatch):
    parts = random_split()
    parts.values[250:255, 0] = np.nan
    test = parts.standardizer.to_tensor(parts.select_part("test", 8))
    windows = Windows(test, 8, 4)
    model = build_naive_baselines(8, 4, 2, season=3)["seasonal_naive"]
    past, future = (part.numpy() for part in windows[:][:2])
    filled = past.copy()
    for step in range(1, 8):
        is_gap = np.isnan(filled[:, step])
        filled[:, step][is_gap] = filled[:, step - 1][is_gap]
    last = past[:, -3:][:, [0, 1, 2, 0]]
    forecast = np.where(np.isnan(last), np.repeat(filled[:, -1:], 4, axis=1), last)
    error = (forecast - future)[np.isfinite(future) & np.isfinite(forecast)]
    for size in (1, 10**9):
        monkeypatch.setattr("revin_forecast.evaluation.holdout.MAX_BATCH_BYTES", size)
        scores = score(model, windows)
        assert scores.mse == pytest.approx((error**2).mean(), rel=1e-5)
        assert scores.mae == pytest.approx(abs(error).mean(), rel=1e-5)


def test_scaling_and_fitting_never_see_the_test_part():
    parts, other = random_split(), random_split()
    other.values[240:] *= -100
    quick = TrainingSettings(max_epochs=1)
    for config in (
        make_config(lookback=8, horizon=4),
        make_config(Linear, lookback=8, horizon=4, training=quick),
    ):
        first, second = (evaluate(config, data, season=1).fit for data in (parts, other))
        assert first == second


@pytest.mark.parametrize("backbone", [Linear, DLinear, Repeat, SeasonalNaive])
def test_any_backbone_is_evaluated(backbone):
    config = make_config(backbone, lookback=8, horizon=4, training=TrainingSettings(max_epochs=1))
    result = evaluate(config, random_split(), season=1)
    assert result.model.windows == 57
    assert np.isfinite(result.model.mse)


class OneOfTwo(torch.nn.Linear):
    def __init__(self, lookback, horizon, channels):
        super().__init__(lookback, horizon)

    def forward(self, past):
        return super().forward(past[..., 1:].mT).mT


def test_declared_targets_are_compared_with_naive_forecasts_of_the_same():
    quick = TrainingSettings(max_epochs=1)
    targets = functools.partial(RevIN, targets=[1])
    config = make_config(OneOfTwo, targets, lookback=8, horizon=4, training=quick)
    parts = random_split()
    alone = ChronologicalSplit(parts.values[:, 1:], 180, 240, 300)
    result = evaluate(config, parts, season=1)
    assert result.repeat == evaluate(make_config(lookback=8, horizon=4), alone, season=1).repeat
    assert np.isfinite(result.model.mse)


def test_initial_weights_follow_the_seed_and_leave_the_generator_alone():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, second = (make_config(Linear, lookback=8, horizon=4).build(2) for _ in range(2))
    assert torch.equal(first.backbone.map.weight, second.backbone.map.weight)
    assert torch.equal(torch.get_rng_state(), state)


def test_unusable_configurations_and_splits_are_refused():
    with pytest.raises(InputError, match="refit is for closed-form backbones; Linear is trained"):
        evaluate(make_config(Linear, lookback=8, horizon=4, refit=True), random_split(), season=1)
    with pytest.raises(InputError, match="validation part has 140 rows .* takes 180"):
        evaluate(make_config(lookback=80, horizon=100), random_split(), season=1)
    with pytest.raises(InputError, match="validation part starts at row 180, before a look-back"):
        evaluate(make_config(lookback=200, horizon=1), random_split(), season=1)
    with pytest.raises(InputError, match="is not a Normalizer; subclass"):
        evaluate(
            make_config(normalizer=torch.nn.Identity, lookback=8, horizon=4), random_split(), 1
        )
    empty = random_split()
    empty.values[240:] = np.nan
    with pytest.raises(InputError, match="no value of the scored part was observed"):
        evaluate(make_config(lookback=8, horizon=4), empty, season=1)
    with pytest.raises(InputError, match="nothing to resume"):
        evaluate(make_config(lookback=8, horizon=4), random_split(), season=1, resume=True)
