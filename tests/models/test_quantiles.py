"""Quantile models: order, training, saving and messages."""

from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from revin_forecast import Forecaster, Reversible, RevIN, normalizers
from revin_forecast.backbones import MLP, DLinear, Linear, Repeat, Ridge, TiDE
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.errors import InputError
from revin_forecast.metrics import coverage, mse, quantile_loss
from revin_forecast.models.quantiles import (
    check_supports_quantiles,
    monotone_quantiles,
    normal_quantile_gaps,
    predict_quantiles,
)
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import FAN, SAN, DishTS, Identity, Normalizer
from revin_forecast.training.fit import fit_model
from revin_forecast.training.lightning_modules import ForecastingModule
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import DEFAULT_QUANTILES, TrainingSettings

LOOKBACK, HORIZON, CHANNELS = 24, 6, 3
FEW = (0.1, 0.5, 0.9)
CONCRETE = [
    kind
    for kind in (getattr(normalizers, name) for name in normalizers.__all__)
    if isinstance(kind, type) and issubclass(kind, Normalizer) and not kind.__abstractmethods__
]


def build_settings(**changes):
    return TrainingSettings(**({"loss": "quantile", "max_epochs": 2} | changes))


def build_config(backbone=Linear, normalizer=RevIN, **changes):
    specs = ModuleSpec.from_class(backbone), ModuleSpec.from_class(normalizer)
    return ModelConfig(*specs, LOOKBACK, HORIZON, build_settings(**changes))


def build_model(normalizer=RevIN, backbone=Linear):
    """Return a model whose parameters are not at their initial values."""
    model = build_config(backbone, normalizer).build(CHANNELS)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model.eval()


def sample_past(level=50.0):
    return torch.randn(5, LOOKBACK, CHANNELS) * 2 + level


@pytest.mark.parametrize("size", [1.0, 1e3, 1e30])
def test_quantiles_never_cross_and_the_median_is_the_middle_one(size):
    raw = torch.randn(4, len(DEFAULT_QUANTILES) * HORIZON, CHANNELS) * size
    quantiles = monotone_quantiles(raw, normal_quantile_gaps(DEFAULT_QUANTILES))
    assert quantiles.shape == (4, HORIZON, CHANNELS, len(DEFAULT_QUANTILES))
    assert (quantiles.diff(dim=-1) >= 0).all()
    middle = len(DEFAULT_QUANTILES) // 2
    assert torch.equal(quantiles[..., middle], raw[:, middle * HORIZON : (middle + 1) * HORIZON])


def test_zeros_give_the_standard_normal():
    quantiles = monotone_quantiles(
        torch.zeros(1, len(DEFAULT_QUANTILES), 1), normal_quantile_gaps(DEFAULT_QUANTILES)
    ).flatten()
    expected = torch.tensor([NormalDist().inv_cdf(level) for level in DEFAULT_QUANTILES])
    torch.testing.assert_close(quantiles, expected)


@pytest.mark.parametrize("kind", CONCRETE, ids=lambda kind: kind.__name__)
def test_every_normalizer_maps_quantiles_back_in_order(kind):
    model, past = build_model(kind), sample_past()
    past[:, 3:7, 0] = torch.nan
    check_supports_quantiles(model.normalizer, LOOKBACK, HORIZON, len(DEFAULT_QUANTILES))
    with torch.no_grad():
        quantiles, point = model.quantiles(past), model(past)
    assert quantiles.shape == (5, HORIZON, CHANNELS, len(DEFAULT_QUANTILES))
    assert quantiles.dtype == torch.float32
    assert quantiles.isfinite().all()
    assert (quantiles.diff(dim=-1) >= 0).all()
    assert torch.equal(point, quantiles[..., len(DEFAULT_QUANTILES) // 2])


def test_negative_weights_keep_the_order():
    model, past = build_model(), sample_past()
    model.normalizer.affine_weight.data = torch.tensor([1.0, -0.7, -1e-5])
    assert (model.quantiles(past).diff(dim=-1) > 0).all()
    outer = Reversible(model, RevIN(CHANNELS))
    outer.normalizer.affine_weight.data = torch.tensor([-1.0, -0.7, 2.0])
    assert outer.levels == DEFAULT_QUANTILES
    assert (outer.quantiles(past).diff(dim=-1) > 0).all()
    assert torch.equal(outer(past), outer.quantiles(past)[..., 6])


def test_known_inputs_are_repeated_for_each_level():
    spec = ModuleSpec(f"{TiDE.__module__}.TiDE", {"covariates": 2})
    backbone = spec.build(LOOKBACK, HORIZON * len(FEW), CHANNELS)
    model = Reversible(backbone, Identity(CHANNELS), FEW).eval()
    known = torch.randn(5, LOOKBACK + HORIZON, 2)
    past = sample_past()
    wide = torch.cat([known, known[:, LOOKBACK:], known[:, LOOKBACK:]], dim=1)
    expected = monotone_quantiles(backbone(past, known=wide), normal_quantile_gaps(FEW))
    assert torch.equal(model.quantiles(past, known=known), expected)


def heteroscedastic(rows=3000):
    """A season, and noise with deviation 0.2 or 1 in alternating blocks of 150 rows."""
    random, time = np.random.default_rng(0), np.arange(rows)
    scale = np.where(time // 150 % 2 == 0, 0.2, 1.0)
    return (0.3 * np.sin(time * 2 * np.pi / 12) + scale * random.standard_normal(rows))[:, None]


@pytest.fixture(scope="module")
def trained_model():
    split = ChronologicalSplit(heteroscedastic(), 1800, 2200, 3000)
    config = build_config(MLP, learning_rate=3e-3, max_epochs=8, batch_size=64)
    return *fit_model(config, split), split


def test_coverage_is_nominal_under_changing_noise(trained_model):
    fitted, report, split = trained_model
    windows = split.make_windows("test", LOOKBACK, HORIZON)[:]
    with torch.no_grad():
        quantiles = fitted.quantiles(windows.past)
        loss = quantile_loss(quantiles, windows.future, DEFAULT_QUANTILES).item()
    assert fitted.levels == DEFAULT_QUANTILES
    assert report["validation_loss"] == pytest.approx(loss, rel=0.3)
    for low, high, nominal in ((2, -3, 0.8), (0, -1, 0.95)):
        actual = coverage(quantiles[..., low], quantiles[..., high], windows.future).item()
        assert actual == pytest.approx(nominal, abs=0.05)
    width = (quantiles[..., -3] - quantiles[..., 2]).mean(dim=(1, 2))
    starts = 2200 - LOOKBACK + torch.arange(len(width))
    within_block = starts // 150 == (starts + LOOKBACK + HORIZON - 1) // 150
    noisy = starts // 150 % 2 == 1
    assert width[within_block & noisy].mean() > 2.5 * width[within_block & ~noisy].mean()


def test_the_loss_is_the_pinball_loss_in_data_units():
    model = build_model()
    batch = ChronologicalSplit(np.tile(heteroscedastic(200), 3), 100, 150, 200).make_windows(
        "training", LOOKBACK, HORIZON
    )[:7]
    batch.future[0, 2, 1] = torch.nan
    actual = ForecastingModule(model, loss="quantile").batch_loss(batch, training=True)
    errors = batch.future.unsqueeze(-1) - model.quantiles(batch.past)
    levels = torch.tensor(DEFAULT_QUANTILES)
    expected = torch.maximum(levels * errors, (levels - 1) * errors).nanmean()
    torch.testing.assert_close(actual, expected)
    assert mse(model(batch.past), batch.future) > 0  # forward returns points


@pytest.mark.parametrize("kind", [SAN, FAN, DishTS])
def test_learned_normalizers_compare_the_median(kind):
    values = np.tile(heteroscedastic(300), 2)
    config = build_config(normalizer=kind, max_epochs=1)
    fitted, report = fit_model(config, ChronologicalSplit(values, 200, 250, 300))
    assert report["epochs"] == 1
    past = torch.from_numpy(values[None, :LOOKBACK]).float()
    assert fitted.quantiles(past).isfinite().all()


def test_saved_and_loaded_quantiles_are_the_same(tmp_path):
    dates = pd.date_range("2024-01-01", periods=200, freq="h")
    frame = pd.DataFrame({"date": dates, "a": heteroscedastic(200)[:, 0]})
    training = build_settings(levels=FEW)
    saved = Forecaster(HORIZON, LOOKBACK, DLinear, RevIN, training).fit(frame)
    saved.save(tmp_path)
    loaded = Forecaster.load(tmp_path)
    assert loaded.training == training
    past = sample_past()[..., :1]
    for level in ((0.1, 0.9), (0.9, 0.5)):
        before, after = (
            predict_quantiles(forecaster.fitted.model, past, level)
            for forecaster in (saved, loaded)
        )
        assert torch.equal(before, after)
        assert before.shape == (5, HORIZON, 1, 2)
    assert (before[..., 0] > before[..., 1]).all()
    message = (
        r"trained on the quantiles \[0\.1, 0\.5, 0\.9\] but 0\.025 was requested\. "
        r"Its intervals are level=\[80\]"
    )
    with pytest.raises(InputError, match=message):
        predict_quantiles(saved.fitted.model, past, [0.025])


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (Ridge, r"Ridge is solved for the mean, .* intervals \(level=\[80, 95\]\)"),
        (Repeat, "Repeat has nothing to train"),
    ],
)
def test_untrained_backbones_have_no_quantiles(backbone, message):
    with pytest.raises(InputError, match=message):
        build_config(backbone).build(CHANNELS)


class Upside(RevIN):
    def denormalize(self, future, stats, kind="location"):
        return -super().denormalize(future, stats, kind)


class Flat(RevIN):
    def denormalize(self, future, stats, kind="location"):
        if future.ndim > 3:
            raise ValueError("no levels here")
        return super().denormalize(future, stats, kind)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Upside, "Upside can't map quantiles back, .*: ascending quantiles came back in another"),
        (Flat, "Flat can't map quantiles back, .*: no levels here. Choose another normalizer"),
    ],
)
def test_normalizers_that_cannot_map_quantiles_are_refused_before_training(kind, message):
    split = ChronologicalSplit(heteroscedastic(300), 200, 250, 300)
    with pytest.raises(InputError, match=message):
        fit_model(build_config(normalizer=kind), split)


def test_points_have_no_quantiles():
    model = Reversible(Linear(LOOKBACK, HORIZON, CHANNELS), RevIN(CHANNELS))
    assert predict_quantiles(model, sample_past(), [0.5]) is None
    assert predict_quantiles(nn.Identity(), sample_past(), [0.5]) is None
    with pytest.raises(ValueError, match="forecasts points and has no quantiles. Build it with"):
        model.quantiles(sample_past())
    with pytest.raises(InputError, match="loss quantile was asked for, but the model forecasts po"):
        ForecastingModule(model, loss="quantile")
    with pytest.raises(InputError, match="loss mse was asked for, but the model forecasts the qua"):
        ForecastingModule(build_model(), loss="mse")
    with pytest.raises(ValueError, match="a Reversible inside, which has the backbone. Pass the"):
        Reversible(model, RevIN(CHANNELS), FEW)


@pytest.mark.parametrize(
    "levels", [(0.1, 0.9), (0.5, 0.1, 0.9), (0.1, 0.5, 0.8), (0.0, 0.5, 1.0), (0.5,), ()]
)
def test_invalid_levels_are_refused(levels):
    with pytest.raises(
        InputError,
        match=r"three or more ascending levels .* Pass, for instance, \[0\.1, 0\.5, 0\.9\]",
    ):
        build_settings(levels=levels)


def test_levels_need_the_quantile_loss():
    with pytest.raises(InputError, match="the loss mse, which does not use them"):
        TrainingSettings(levels=FEW)
