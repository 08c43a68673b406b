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


def settings(**changes):
    return TrainingSettings(**({"loss": "quantile", "max_epochs": 2} | changes))


def recipe(backbone=Linear, normalizer=RevIN, **changes):
    made = settings(**changes)
    return ModelConfig(
        ModuleSpec.from_class(backbone), ModuleSpec.from_class(normalizer), LOOKBACK, HORIZON, made
    )


def model(normalizer=RevIN, backbone=Linear):
    made = recipe(backbone, normalizer).build(CHANNELS)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return made.eval()


def past(level=50.0):
    return torch.randn(5, LOOKBACK, CHANNELS) * 2 + level


@pytest.mark.parametrize("size", [1.0, 1e3, 1e30])
def test_quantiles_never_cross_and_the_median_is_the_middle_one(size):
    raw = torch.randn(4, len(DEFAULT_QUANTILES) * HORIZON, CHANNELS) * size
    made = monotone_quantiles(raw, normal_quantile_gaps(DEFAULT_QUANTILES))
    assert made.shape == (4, HORIZON, CHANNELS, len(DEFAULT_QUANTILES))
    assert (made.diff(dim=-1) >= 0).all()
    middle = len(DEFAULT_QUANTILES) // 2
    assert torch.equal(made[..., middle], raw[:, middle * HORIZON : (middle + 1) * HORIZON])


def test_zeros_say_the_standard_normal():
    made = monotone_quantiles(
        torch.zeros(1, len(DEFAULT_QUANTILES), 1), normal_quantile_gaps(DEFAULT_QUANTILES)
    ).flatten()
    wanted = torch.tensor([NormalDist().inv_cdf(level) for level in DEFAULT_QUANTILES])
    torch.testing.assert_close(made, wanted)


@pytest.mark.parametrize("kind", CONCRETE, ids=lambda kind: kind.__name__)
def test_every_normalizer_maps_quantiles_back_in_order(kind):
    made, window = model(kind), past()
    window[:, 3:7, 0] = torch.nan
    check_supports_quantiles(made.normalizer, LOOKBACK, HORIZON, len(DEFAULT_QUANTILES))
    with torch.no_grad():
        quantiles, point = made.quantiles(window), made(window)
    assert quantiles.shape == (5, HORIZON, CHANNELS, len(DEFAULT_QUANTILES))
    assert quantiles.dtype == torch.float32
    assert quantiles.isfinite().all()
    assert (quantiles.diff(dim=-1) >= 0).all()
    assert torch.equal(point, quantiles[..., len(DEFAULT_QUANTILES) // 2])


def test_a_negative_weight_turns_no_order_round():
    made, window = model(), past()
    made.normalizer.affine_weight.data = torch.tensor([1.0, -0.7, -1e-5])
    assert (made.quantiles(window).diff(dim=-1) > 0).all()
    inside = Reversible(made, RevIN(CHANNELS))
    inside.normalizer.affine_weight.data = torch.tensor([-1.0, -0.7, 2.0])
    assert inside.levels == DEFAULT_QUANTILES
    assert (inside.quantiles(window).diff(dim=-1) > 0).all()
    assert torch.equal(inside(window), inside.quantiles(window)[..., 6])


def test_known_inputs_are_those_of_the_horizon_for_each_level():
    component = ModuleSpec(f"{TiDE.__module__}.TiDE", {"covariates": 2})
    backbone = component.build(LOOKBACK, HORIZON * len(FEW), CHANNELS)
    made = Reversible(backbone, Identity(CHANNELS), FEW).eval()
    known = torch.randn(5, LOOKBACK + HORIZON, 2)
    window = past()
    wide = torch.cat([known, known[:, LOOKBACK:], known[:, LOOKBACK:]], dim=1)
    wanted = monotone_quantiles(backbone(window, known=wide), normal_quantile_gaps(FEW))
    assert torch.equal(made.quantiles(window, known=known), wanted)


def heteroscedastic(rows=3000):
    """A season, and noise of deviation 0.2 or 1 in turns of 150 rows."""
    random, time = np.random.default_rng(0), np.arange(rows)
    scale = np.where(time // 150 % 2 == 0, 0.2, 1.0)
    return (0.3 * np.sin(time * 2 * np.pi / 12) + scale * random.standard_normal(rows))[:, None]


@pytest.fixture(scope="module")
def trained():
    split = ChronologicalSplit(heteroscedastic(), 1800, 2200, 3000)
    made = recipe(MLP, learning_rate=3e-3, max_epochs=8, batch_size=64)
    return *fit_model(made, split), split


def test_intervals_cover_what_they_say_where_noise_comes_and_goes(trained):
    fitted, report, split = trained
    windows = split.make_windows("test", LOOKBACK, HORIZON)[:]
    with torch.no_grad():
        quantiles = fitted.quantiles(windows.past)
        loss = quantile_loss(quantiles, windows.future, DEFAULT_QUANTILES).item()
    assert fitted.levels == DEFAULT_QUANTILES
    assert report["validation_loss"] == pytest.approx(loss, rel=0.3)
    for low, high, nominal in ((2, -3, 0.8), (0, -1, 0.95)):
        got = coverage(quantiles[..., low], quantiles[..., high], windows.future).item()
        assert got == pytest.approx(nominal, abs=0.05)
    width = (quantiles[..., -3] - quantiles[..., 2]).mean(dim=(1, 2))
    starts = 2200 - LOOKBACK + torch.arange(len(width))
    alike = starts // 150 == (starts + LOOKBACK + HORIZON - 1) // 150  # no turn within
    noisy = starts // 150 % 2 == 1
    assert width[alike & noisy].mean() > 2.5 * width[alike & ~noisy].mean()


def test_the_loss_is_the_pinball_loss_in_data_units():
    made = model()
    batch = ChronologicalSplit(np.tile(heteroscedastic(200), 3), 100, 150, 200).make_windows(
        "training", LOOKBACK, HORIZON
    )[:7]
    batch.future[0, 2, 1] = torch.nan
    got = ForecastingModule(made, loss="quantile").batch_loss(batch, training=True)
    errors = batch.future.unsqueeze(-1) - made.quantiles(batch.past)
    levels = torch.tensor(DEFAULT_QUANTILES)
    wanted = torch.maximum(levels * errors, (levels - 1) * errors).nanmean()
    torch.testing.assert_close(got, wanted)
    assert mse(made(batch.past), batch.future) > 0  # points, for all that scores points


@pytest.mark.parametrize("kind", [SAN, FAN, DishTS])
def test_learned_normalizers_look_at_the_median(kind):
    values = np.tile(heteroscedastic(300), 2)
    made = recipe(normalizer=kind, max_epochs=1)
    fitted, report = fit_model(made, ChronologicalSplit(values, 200, 250, 300))
    assert report["epochs"] == 1
    window = torch.from_numpy(values[None, :LOOKBACK]).float()
    assert fitted.quantiles(window).isfinite().all()


def test_saved_and_loaded_quantiles_are_the_same(tmp_path):
    dates = pd.date_range("2024-01-01", periods=200, freq="h")
    frame = pd.DataFrame({"date": dates, "a": heteroscedastic(200)[:, 0]})
    training = settings(levels=FEW)
    made = Forecaster(HORIZON, LOOKBACK, DLinear, RevIN, training).fit(frame)
    made.save(tmp_path)
    again = Forecaster.load(tmp_path)
    assert again.training == training
    window = past()[..., :1]
    for level in ((0.1, 0.9), (0.9, 0.5)):
        one, other = (
            predict_quantiles(which.fitted.model, window, level) for which in (made, again)
        )
        assert torch.equal(one, other)
        assert one.shape == (5, HORIZON, 1, 2)
    assert (one[..., 0] > one[..., 1]).all()
    with pytest.raises(InputError, match=r"0\.025 is none of them\. Its intervals are --level 80"):
        predict_quantiles(made.fitted.model, window, [0.025])


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (Ridge, r"Ridge is solved for the mean, .* conformal intervals \(--level 80 95\)"),
        (Repeat, "Repeat has nothing to train"),
    ],
)
def test_what_is_not_trained_has_no_quantiles(backbone, message):
    with pytest.raises(InputError, match=message):
        recipe(backbone).build(CHANNELS)


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
def test_a_normalizer_that_cannot_map_them_is_told_before_training(kind, message):
    with pytest.raises(InputError, match=message):
        fit_model(recipe(normalizer=kind), ChronologicalSplit(heteroscedastic(300), 200, 250, 300))


def test_points_have_no_quantiles():
    made = Reversible(Linear(LOOKBACK, HORIZON, CHANNELS), RevIN(CHANNELS))
    assert predict_quantiles(made, past(), [0.5]) is None
    assert predict_quantiles(nn.Identity(), past(), [0.5]) is None
    with pytest.raises(ValueError, match="forecasts points and has no quantiles. Build it with"):
        made.quantiles(past())
    with pytest.raises(InputError, match="loss quantile was asked for, but the model forecasts po"):
        ForecastingModule(made, loss="quantile")
    with pytest.raises(InputError, match="loss mse was asked for, but the model forecasts the qua"):
        ForecastingModule(model(), loss="mse")
    with pytest.raises(ValueError, match="a Reversible inside, which has the backbone. Give the"):
        Reversible(made, RevIN(CHANNELS), FEW)


@pytest.mark.parametrize(
    "levels", [(0.1, 0.9), (0.5, 0.1, 0.9), (0.1, 0.5, 0.8), (0.0, 0.5, 1.0), (0.5,), ()]
)
def test_levels_that_are_none(levels):
    with pytest.raises(
        InputError, match=r"three levels or more that ascend .* Pass such as \[0\.1, 0\.5, 0\.9\]"
    ):
        settings(levels=levels)


def test_levels_without_their_loss():
    with pytest.raises(InputError, match="the loss mse, which has no use for them"):
        TrainingSettings(levels=FEW)
