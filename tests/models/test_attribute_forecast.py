"""Contributions add up to the forecast, and their weights are those of the map."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast import backbones, normalizers
from revin_forecast.models.attribute_forecast import attribute_forecast
from revin_forecast.models.contributions import ExplainedScope, ExplainedWindow, NotLinearError
from revin_forecast.models.ensemble import Ensemble, WeightedCombination
from revin_forecast.models.reversible import Reversible
from revin_forecast.models.spec import ModuleSpec

LOOKBACK, HORIZON, CHANNELS = 24, 6, 2
STEPS = torch.tensor([0, 5])
NORMALIZERS = {
    "Identity": normalizers.Identity,
    "mean": normalizers.RevIN,
    "last": partial(normalizers.RevIN, statistic="last"),
    "median": partial(normalizers.RevIN, statistic="median"),
    "eps": partial(normalizers.RevIN, eps=1e-5, affine="unguarded"),
    "LastValue": normalizers.LastValue,
    "DifferenceScale": normalizers.DifferenceScale,
    "EMA": normalizers.EMA,
    "MeanScale": normalizers.MeanScale,
    "Robust": normalizers.Robust,
    "Blend": normalizers.Blend,
    "ShrunkLevel": lambda channels: build_shrunk_level(channels),
}
LINEAR = ["Linear", "DLinear", "FITS", "SparseTSF", "TiedAutoencoder", "Siamese", "Drift"]
NOT_LINEAR = ["PatchTST", "TSMixer", "NHITS", "TSB"]


def build_shrunk_level(channels):
    """Return a normalizer with a share and slopes that differ from 0."""
    normalizer = normalizers.ShrunkLevel(channels, LOOKBACK, HORIZON)
    rng = torch.Generator().manual_seed(3)
    normalizer.shares.copy_(torch.tensor([0.6, 0.0]))
    normalizer.slopes.copy_(-torch.rand(normalizer.slopes.shape, generator=rng))
    normalizer.training_mean.copy_(torch.tensor([90.0, 80.0]))
    return normalizer


def make_window(gaps=False, level=100.0):
    rng = np.random.default_rng(0)
    past = torch.from_numpy(rng.normal(level, 3, (1, LOOKBACK, CHANNELS)))
    observed = torch.ones_like(past, dtype=torch.bool)
    if gaps:
        observed[0, 5:8, 0] = False
        observed[0, -1, 1] = False
    return ExplainedWindow(torch.where(observed, past, 0), observed)


def make_scope(window):
    channels = torch.arange(CHANNELS)
    return ExplainedScope(channels, channels, STEPS, window.past.amax(1)[0])


def build(backbone, normalizer=normalizers.Identity, seed=0):
    """Return a model away from its initial parameters, in float64."""
    torch.manual_seed(seed)
    sizes = LOOKBACK, HORIZON, CHANNELS
    model = Reversible(backbone(*sizes), normalizer(CHANNELS)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model


def remove_bias(model):
    """Set every bias to 0: it counts in units of the window's scale, which is not linear."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()


def explain(model, window):
    scope = make_scope(window)
    parts = attribute_forecast(model, window, scope)
    with torch.no_grad():
        forecast = scope.select(model(window.past, window.observed))[0]
    torch.testing.assert_close(parts.compute_forecast(window, scope), forecast, rtol=1e-9, atol=0)
    return parts, forecast


def change_value(model, window, row, channel, change):
    """Return the change of the forecast if one past value changes."""
    past = window.past.clone()
    past[0, row, channel] += change
    with torch.no_grad():
        return (model(past, window.observed) - model(window.past, window.observed))[0][STEPS]


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("name", NORMALIZERS)
def test_a_changed_value_changes_the_forecast_by_its_weight(name, per_channel, gaps):
    model = build(partial(backbones.Ridge, per_channel=per_channel), NORMALIZERS[name])
    window = make_window(gaps)
    remove_bias(model)
    parts, _ = explain(model, window)
    assert parts.is_own
    for row in (3, LOOKBACK - 2):
        changed = change_value(model, window, row, 0, 1e-3)[:, 0]
        expected = 1e-3 * parts.weights[:, 0, row, 0]
        torch.testing.assert_close(changed, expected, rtol=1e-5, atol=1e-9)


def test_unobserved_values_have_no_weight():
    parts, _ = explain(build(backbones.Ridge, normalizers.RevIN), make_window(gaps=True))
    assert (parts.weights[:, 0, 5:8] == 0).all()
    assert (parts.weights[:, 1, -1] == 0).all()


def test_weights_around_the_mean_follow_the_formula():
    model = build(backbones.Ridge, partial(normalizers.RevIN, affine=False))
    parts, _ = explain(model, make_window())
    weight = model.backbone.weight[STEPS].detach()
    expected = weight + (1 - weight.sum(1, keepdim=True)) / LOOKBACK
    torch.testing.assert_close(parts.weights[:, 1, :, 0], expected)
    torch.testing.assert_close(parts.level_weights, torch.ones_like(parts.level_weights))
    # The constant is the bias, in deviations of the window.
    scale = make_window().past[0].std(0, correction=0)
    expected = model.backbone.bias[STEPS, None].detach() * scale
    torch.testing.assert_close(parts.constant, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("normalizer", [normalizers.Identity, normalizers.RevIN])
@pytest.mark.parametrize("name", LINEAR)
def test_linear_backbones_are_explained(name, normalizer):
    parts, _ = explain(build(getattr(backbones, name), normalizer), make_window(level=0.0))
    assert not parts.members


def test_a_map_that_mixes_series_has_weights_of_all():
    class Mix(torch.nn.Module):
        def __init__(self, lookback, horizon, channels):
            super().__init__()
            self.map = torch.nn.Linear(lookback * channels, horizon * channels)

        def forward(self, past):
            return self.map(past.flatten(1)).reshape(len(past), HORIZON, CHANNELS)

    explain(build(Mix, partial(normalizers.RevIN, affine=False)), make_window())
    model = build(Mix)
    parts, _ = explain(model, make_window())
    assert parts.weights.shape == (2, CHANNELS, LOOKBACK, CHANNELS)
    for own, other in ((0, 1), (1, 0)):
        changed = change_value(model, make_window(), 4, other, 0.5)[:, own]
        torch.testing.assert_close(changed, 0.5 * parts.weights[:, own, 4, other])


@pytest.mark.parametrize("name", NOT_LINEAR)
def test_other_backbones_are_refused(name):
    with pytest.raises(NotLinearError, match=name):
        explain(build(getattr(backbones, name), normalizers.RevIN), make_window())


def test_a_normalizer_that_is_not_linear_is_refused_by_name():
    model = build(backbones.Ridge, normalizers.Arcsinh)
    with pytest.raises(NotLinearError, match="Ridge with Arcsinh is not linear"):
        explain(model, make_window())


def describe(backbone, normalizer=normalizers.Identity, lookback=LOOKBACK):
    return {
        "backbone": ModuleSpec.from_class(backbone),
        "normalizer": ModuleSpec.from_class(normalizer),
        "lookback": lookback,
    }


def build_combination(*members, weights):
    combination = WeightedCombination(LOOKBACK, HORIZON, CHANNELS, members)
    combination.weights.copy_(torch.tensor(weights))
    for member in combination.members:
        for parameter in member.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return Reversible(combination, normalizers.Identity(CHANNELS)).double().eval()


@pytest.mark.parametrize("gaps", [False, True])
def test_a_combination_is_the_sum_of_its_members(gaps):
    model = build_combination(
        describe(backbones.Ridge, normalizers.RevIN, 12),
        describe(partial(backbones.SeasonalNaive, season=7), normalizers.LastValue, 7),
        describe(partial(backbones.ETS, season=4)),
        weights=[[0.5, 0.2], [0.5, 0.3], [0.0, 0.5]],
    )
    parts, _ = explain(model, make_window(gaps))
    assert parts.is_own
    assert not parts.members
    # Only the second series looks back further than the map.
    assert (parts.weights[:, 0, :12] == 0).all()
    assert (parts.weights[:, 1, :4] != 0).any()


def test_a_member_that_is_not_linear_contributes_as_a_whole():
    model = build_combination(
        describe(backbones.TSB), describe(backbones.Repeat), weights=[[1.0, 0.0], [0.0, 1.0]]
    )
    parts, forecast = explain(model, make_window())
    difference = parts.members["TSB"]
    assert (difference[:, 1] == 0).all()
    torch.testing.assert_close(difference[:, 0], forecast[:, 0] - make_window().past.amax(1)[0, 0])


def test_an_ensemble_is_the_sum_of_its_members():
    members = [build(backbones.Ridge, normalizers.RevIN, seed) for seed in (1, 2)]
    model = Reversible(Ensemble(members, [1.0, 3.0]), normalizers.RevIN(CHANNELS)).double().eval()
    parts, _ = explain(model, make_window())
    assert not parts.members


@pytest.mark.parametrize("season", [1, 4])
def test_smoothing_has_weights_that_sum_to_one(season):
    parts, _ = explain(build(partial(backbones.ETS, season=season)), make_window(gaps=True))
    torch.testing.assert_close(parts.weights.sum(2), torch.ones_like(parts.level_weights))
    assert parts.constant.abs().max() < 1e-9


def test_smoothing_on_logarithms_adds_up_and_favours_no_side():
    growth = torch.exp(0.05 * torch.arange(LOOKBACK, dtype=torch.float64)).reshape(1, -1, 1)
    past = 10 * growth.repeat(1, 1, CHANNELS)
    noise = torch.from_numpy(np.random.default_rng(1).normal(0, 0.02, past.shape)).exp()
    window = ExplainedWindow(past * noise, torch.ones_like(past, dtype=torch.bool))
    model = build(partial(backbones.ETS, logs=True))
    parts, forecast = explain(model, window)
    assert (forecast > 25).all()
    assert parts.constant.abs().max() < 1e-9 * forecast.max()
    torch.testing.assert_close(parts.level_weights, torch.ones_like(parts.level_weights))


def test_growth_is_divided_by_the_logarithmic_mean():
    model = build(backbones.Ridge, normalizers.LogMean)
    with torch.no_grad():
        model.backbone.bias.zero_()
        model.backbone.weight *= 0.1
    window = make_window()
    parts, forecast = explain(model, window)
    logs = np.log(window.past[0, :, 0].numpy())
    weight = model.backbone.weight[0].detach().numpy()
    exponents = weight + (1 - weight.sum()) / LOOKBACK
    level = window.past.amax(1)[0, 0].item()
    value = np.exp(exponents @ logs)
    assert forecast[0, 0].item() == pytest.approx(value)
    mean = (value - level) / np.log(value / level)
    values = window.past[0, :, 0].numpy()
    contributions = parts.weights[0, 0, :, 0].numpy() * (values - level)
    np.testing.assert_allclose(contributions, mean * exponents * (logs - np.log(level)), atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(["mean", "last", "EMA", "Identity", "Blend", "ShrunkLevel"]),
    st.integers(0, LOOKBACK - 1),
    st.floats(-1e3, 1e3),
)
def test_contributions_follow_any_change_of_a_linear_location(name, row, change):
    model = build(backbones.Ridge, NORMALIZERS[name])
    remove_bias(model)
    window = make_window()
    parts, _ = explain(model, window)
    changed = change_value(model, window, row, 1, change)[:, 1]
    torch.testing.assert_close(changed, change * parts.weights[:, 1, row, 0], rtol=1e-6, atol=1e-7)
