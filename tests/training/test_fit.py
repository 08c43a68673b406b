"""Models get the value that stands for 0, and quantiles without training if they have some."""

from functools import partial

import numpy as np
import pytest
import torch

from revin_forecast.backbones import ETS, Linear, Pretrained
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import DDN, Identity, LogMean, MeanScale, RevIN
from revin_forecast.training.fit import fit_model
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings

SETTINGS = TrainingSettings(max_epochs=1)


def fit(backbone, normalizer, values, **options):
    backbone, normalizer = ModuleSpec.from_class(backbone), ModuleSpec.from_class(normalizer)
    settings = options.pop("training", SETTINGS)
    config = ModelConfig(backbone, normalizer, 24, 4, settings, **options)
    split = ChronologicalSplit(values, 60, 100, 100)
    return fit_model(config, split)[0], split


def sample_growth():
    noise = np.random.default_rng(0).normal(size=(100, 3)) / 30
    return 5 * np.exp(0.05 * np.arange(100)[:, None] + noise)


@pytest.mark.parametrize("kind", [ETS, Pretrained])
@pytest.mark.parametrize("targets", [None, (0, 2)])
def test_forecasts_on_logarithms_of_the_data(targets, kind):
    values = sample_growth()
    values[:, 2] -= 20  # begins below zero
    model, split = fit(partial(kind, logs=True), Identity, values, targets=targets)
    past = torch.from_numpy(values[-24:])
    raw = kind(24, 4, 3, logs=True)
    expected = raw(past[None])[0] if targets is None else raw(past[None])[0][:, list(targets)]
    scaled = torch.from_numpy(split.standardizer.transform(values[-24:]))
    forecast = model(scaled[None])[0].numpy()
    scale, mean = (
        np.broadcast_to(part, 3)[list(targets or range(3))]
        for part in (split.standardizer.scale, split.standardizer.mean)
    )
    np.testing.assert_allclose(forecast * scale + mean, expected.numpy(), rtol=1e-8)


@pytest.mark.parametrize("kind", [ETS, Pretrained])
@pytest.mark.parametrize("normalizer", [RevIN, MeanScale])
def test_logarithms_refuse_normalizers_that_move_their_zero(normalizer, kind):
    name = normalizer.__name__
    message = f"{kind.__name__} with .* which value stands for 0, but {name} changes it.*Identity"
    with pytest.raises(InputError, match=message):
        fit(partial(kind, logs=True), normalizer, sample_growth())
    assert fit(kind, normalizer, sample_growth())[0].backbone.logs is False


def test_log_mean_is_on_logarithms_of_the_data():
    values = sample_growth()
    model, split = fit(Linear, LogMean, values)
    zero = split.standardizer.transform(np.zeros((1, 3)))[0]
    np.testing.assert_allclose(model.normalizer.zero.numpy(), zero)
    normalized, _ = model.normalizer.normalize(
        torch.from_numpy(split.standardizer.transform(values))[None, :24]
    )
    logs = np.log(values[:24])
    np.testing.assert_allclose(normalized[0].numpy(), logs - logs.mean(0), atol=1e-6)


@pytest.mark.parametrize(("name", "size"), [("lookback", 24), ("horizon", 4)])
def test_other_sizes_of_a_normalizer_are_refused(name, size):
    message = rf"DDN got {name}=9, but the model has {name}={size}\. Leave it out of the normaliz"
    with pytest.raises(InputError, match=message):
        fit(Linear, partial(DDN, **{name: 9}), sample_growth())
    model, _ = fit(Linear, partial(DDN, **{name: size}), sample_growth())
    assert model(torch.ones(1, 24, 3)).shape == (1, 4, 3)


def test_pretrained_needs_no_training_and_may_be_trained_further():
    values, levels = sample_growth()[:, :1], (0.1, 0.5, 0.9)
    quantile = TrainingSettings(max_epochs=1, loss="quantile", levels=levels)
    past = torch.randn(1, 24, 1, generator=torch.Generator().manual_seed(0)).cumsum(1)
    expected = Reversible(Pretrained(24, 12, 1, levels=levels), Identity(1), levels)
    model, _ = fit(Pretrained, Identity, values, training=quantile)
    torch.testing.assert_close(model.quantiles(past), expected.quantiles(past))
    trained, _ = fit(partial(Pretrained, trainable=True), Identity, values, training=quantile)
    change = trained.quantiles(past) - expected.quantiles(past)
    assert 0 < change.abs().max() < 1
    with pytest.raises(
        InputError, match=r"Pretrained got levels=\[0\.2, 0\.5, 0\.8\], but loss quan"
    ):
        fit(partial(Pretrained, levels=(0.2, 0.5, 0.8)), Identity, values, training=quantile)
