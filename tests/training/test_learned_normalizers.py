"""Training of normalizers with parameters, of every class."""

import copy

import pytest
import torch
from torch import nn

from revin_forecast import Reversible, RevIN, normalizers
from revin_forecast.backbones import Linear, Repeat, Ridge
from revin_forecast.data.lightning_module import ForecastDataModule
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.data.windows import Windows
from revin_forecast.models.reversible import auxiliary_loss, find_learned_normalizers
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import DAIN, FAN, SAN, Blend, DishTS, LearnedNormalizer, ShrunkLevel
from revin_forecast.training.fit import fit_model
from revin_forecast.training.lightning_modules import ForecastingModule
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.training.train import train

LOOKBACK, HORIZON = 13, 5
SIZES = {"lookback": LOOKBACK, "horizon": HORIZON}


def wave(rows=300):
    time = torch.arange(rows).float().unsqueeze(1)
    noise = 0.1 * torch.randn(rows, 2, generator=torch.Generator().manual_seed(0))
    return torch.sin(time * torch.tensor([0.3, 0.7])) + noise + time / 100


def data(values=None):
    values = wave() if values is None else values
    return ForecastDataModule(
        Windows(values[:200], **SIZES), Windows(values[200 - LOOKBACK :], **SIZES), batch_size=16
    )


def san(**options):
    torch.manual_seed(0)
    normalizer = SAN(2, **SIZES, slice_length=4, hidden=16, epochs=3, **options)
    return Reversible(Linear(LOOKBACK, HORIZON, 2), normalizer)


def settings(**changes):
    return TrainingSettings(**({"max_epochs": 4, "learning_rate": 0.01, "patience": 4} | changes))


def auxiliary_loss_of(model, windows):
    past, future, _ = windows[:]
    with torch.no_grad():
        steps = model.trace(past)
        return model.normalizer.auxiliary_loss(steps.stats, future, steps.z).item()


def have_same_weights(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.slow
def test_the_first_stage_trains_the_normalizer_and_the_second_freezes_it(tmp_path):
    model, windows = san(), data()
    before = auxiliary_loss_of(model, windows.validation)
    train(model, windows, settings(), tmp_path / "both")
    assert auxiliary_loss_of(model, windows.validation) < before
    assert (tmp_path / "both" / "pretraining_0" / "checkpoints" / "last.ckpt").is_file()
    assert all(parameter.requires_grad for parameter in model.parameters())
    other = san()
    train(other, windows, settings(learning_rate=0.1, max_epochs=1), tmp_path / "other")
    assert have_same_weights(other.normalizer, model.normalizer)
    assert not have_same_weights(other.backbone, model.backbone)


@pytest.mark.slow
@pytest.mark.parametrize("stopped_in", ["first stage", "second stage"])
def test_two_stages_resume_bit_for_bit(tmp_path, stopped_in):
    whole, windows = san(), data()
    result = train(whole, windows, settings(), tmp_path / "whole")
    stopped = san()
    if stopped_in == "first stage":
        stopped.normalizer.epochs = 1
        train(stopped, windows, settings(max_epochs=1), tmp_path / "stopped")
        for checkpoint in (tmp_path / "stopped" / "checkpoints").iterdir():
            checkpoint.unlink()
    else:
        train(stopped, windows, settings(max_epochs=2), tmp_path / "stopped")
    resumed = san()
    assert train(resumed, windows, settings(), tmp_path / "stopped", resume=True) == result
    assert have_same_weights(resumed, whole)


def test_an_inner_normalizer_is_trained_on_the_output_of_the_outer(tmp_path):
    inner = san()
    model = Reversible(copy.deepcopy(inner), RevIN(2, affine=False))
    windows = data()
    train(model, windows, settings(max_epochs=1), tmp_path)
    past, future, _ = windows.training[:]
    z, outer = model.normalizer.normalize(past)
    truth = model.normalizer.normalize_future(future, outer)

    def loss(normalizer):
        _, stats = normalizer.normalize(z)
        return normalizer.auxiliary_loss(stats, truth).item()

    assert loss(model.backbone.normalizer) < loss(inner.normalizer)
    assert find_learned_normalizers(model) == [model.backbone.normalizer]


@pytest.mark.parametrize("kind", [FAN, DishTS])
def test_auxiliary_losses_are_added_in_training_only(kind):
    torch.manual_seed(0)
    options = SIZES if kind is FAN else {"lookback": LOOKBACK}
    model = Reversible(Linear(LOOKBACK, HORIZON, 2), kind(2, **options))
    module, batch = ForecastingModule(model), data().training[:8]
    forecast = module.batch_loss(batch, training=False)
    steps = model.trace(batch.past)
    added = model.normalizer.auxiliary_loss(steps.stats, batch.future, steps.z)
    assert added > 0
    torch.testing.assert_close(module.batch_loss(batch, training=True), forecast + added)
    assert auxiliary_loss(Reversible(model.backbone, RevIN(2)), steps, batch.future) is None


def test_normalizers_define_learning_rates():
    model = Reversible(Linear(LOOKBACK, HORIZON, 2), DAIN(2))
    groups = ForecastingModule(model, 1e-3).configure_optimizers().param_groups
    rates = {id(member): group["lr"] for group in groups for member in group["params"]}
    assert rates[id(model.normalizer.mean_map)] == pytest.approx(1e-5)
    assert rates[id(model.normalizer.gate.weight)] == pytest.approx(1e-3)
    assert rates[id(model.backbone.map.weight)] == pytest.approx(1e-3)
    assert len(rates) == len(list(model.parameters()))


CONCRETE = ["DAIN", "DDN", "EMA", "FAN", "SAN", "Arcsinh", "Blend", "Causal", "DishTS", "MeanScale"]


@pytest.mark.parametrize("name", [*CONCRETE, "NoRIN", "Robust", "ShrunkLevel", "Stationary"])
def test_every_class_is_fitted_from_its_name_alone(name):
    values = wave().double().numpy()
    component = ModuleSpec.from_class(getattr(normalizers, name))
    recipe = ModelConfig(
        ModuleSpec.from_class(Linear), component, LOOKBACK, HORIZON, settings(max_epochs=1)
    )
    model, report = fit_model(recipe, ChronologicalSplit(values, 200, 250, 300))
    assert report["epochs"] == 1
    forecast = model(torch.from_numpy(values[:LOOKBACK]).float().unsqueeze(0))
    assert forecast.shape == (1, HORIZON, 2)
    assert forecast.isfinite().all()


def test_a_naive_backbone_is_trained_if_the_normalizer_learns():
    values = wave().double().numpy()
    split = ChronologicalSplit(values, 200, 250, 300)
    reports = [
        fit_model(
            ModelConfig(
                ModuleSpec.from_class(Repeat),
                ModuleSpec.from_class(kind),
                LOOKBACK,
                HORIZON,
                settings(),
            ),
            split,
        )[1]
        for kind in (SAN, RevIN, ShrunkLevel)
    ]
    assert "epochs" in reports[0]
    assert reports[1:] == [{}, {}]


def test_blend_starts_from_the_training_rows():
    values = wave().double().numpy()
    recipe = ModelConfig(
        ModuleSpec.from_class(Linear),
        ModuleSpec.from_class(Blend),
        LOOKBACK,
        HORIZON,
        settings(learning_rate=1e-9),
    )
    split = ChronologicalSplit(values, 200, 250, 300)
    model, _ = fit_model(recipe, split)
    fresh = Blend(2)
    fresh.initialize_from(torch.from_numpy(split.standardizer.transform(values[:200])), LOOKBACK)
    torch.testing.assert_close(model.normalizer.share, fresh.share, rtol=0, atol=1e-5)
    assert (fresh.share > 0.5).all()  # a trend: levels move by far more than a window's noise


@pytest.mark.parametrize("backbone", [Linear, Ridge])
@pytest.mark.parametrize("targets", [None, (1,)])
def test_shrunk_level_is_fitted_to_the_training_rows_and_not_trained(backbone, targets):
    noise = torch.randn(600, 2, generator=torch.Generator().manual_seed(0)).double()
    values = (noise + noise[:, :1].roll(1, dims=0) + 30).numpy()
    split = ChronologicalSplit(values, 400, 500, 600)
    config = ModelConfig(
        ModuleSpec.from_class(backbone),
        ModuleSpec.from_class(ShrunkLevel),
        LOOKBACK,
        HORIZON,
        settings(max_epochs=1),
        targets=targets,
    )
    model, _ = fit_model(config, split)
    rows = split.standardize_part("training", LOOKBACK)
    fresh = ShrunkLevel(2, LOOKBACK, HORIZON)
    fresh.initialize_from(rows, LOOKBACK)
    layer = model.normalizer
    assert (fresh.shares > 0.3).all()
    assert torch.equal(layer.shares, fresh.shares)
    assert layer.centre.abs().max() < 1e-6
    is_solved = backbone is Ridge  # by `fit_ridge`, with the penalty of its map
    assert torch.equal(layer.slopes, fresh.slopes) != is_solved
    torch.testing.assert_close(layer.slopes, fresh.slopes, rtol=0, atol=0.05)
    fresh.load_state_dict(layer.state_dict())
    assert torch.equal(fresh.reading_weights, layer.reading_weights)


@pytest.mark.usefixtures("plain_shapes")
def test_missing_or_wrong_sizes_raise_errors():
    with pytest.raises(ValueError, match=r"SAN needs lookback >= 1 but got None\. Pass lookback"):
        SAN(2)
    with pytest.raises(ValueError, match="FAN needs horizon >= 1 but got None"):
        FAN(2, lookback=4)
    with pytest.raises(ValueError, match=r"built for a look-back of 13 but got 12 steps\. Build"):
        san().normalizer.normalize(torch.zeros(1, 12, 2))
    normalizer = san().normalizer
    _, stats = normalizer.normalize(torch.zeros(1, 13, 2))
    with pytest.raises(ValueError, match="for a horizon of 5 steps but got a forecast of 6"):
        normalizer.denormalize(torch.zeros(1, 6, 2), stats)


def test_a_learned_normalizer_needs_an_auxiliary_loss():
    class Forgetful(RevIN, LearnedNormalizer):
        pass

    with pytest.raises(TypeError, match="auxiliary_loss"):
        Reversible(nn.Identity(), Forgetful(2))
