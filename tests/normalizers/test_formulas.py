"""Every method against its formula in NumPy, in both directions, with perturbed parameters."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal

from revin_forecast import Reversible, RevIN
from revin_forecast.backbones import DestationaryBackbone
from revin_forecast.checks.samples import perturb
from revin_forecast.normalizers import (
    DAIN,
    EMA,
    FAN,
    SAN,
    Arcsinh,
    Blend,
    Causal,
    DishTS,
    Identity,
    MeanScale,
    Robust,
    Stationary,
)
from revin_forecast.normalizers.blend import autocovariance, level_standard_error
from revin_forecast.normalizers.weight_bound import bound_away_from_zero

RNG = np.random.default_rng(0)
LOOKBACKS, HORIZON, CHANNELS = (13, 18), 7, 3


def sample_data(steps, seed=0, level=20.0, windows=4):
    generator = np.random.default_rng(seed)
    return level + 3 * generator.normal(size=(windows, steps, CHANNELS))


def to_perturbed_double(normalizer):
    return perturb(normalizer.double(), seed=3)


def to_numpy(parameter):
    return parameter.detach().numpy().astype(np.float64)


def assert_formula(normalizer, past, z, restore):
    """Compare z, and the way back of a forecast, with the results of the formula."""
    actual, stats = normalizer.normalize(torch.from_numpy(past))
    np.testing.assert_allclose(actual.detach(), z, atol=1e-9)
    forecast = RNG.normal(size=(len(past), HORIZON, CHANNELS))
    back = normalizer.denormalize(torch.from_numpy(forecast), stats)
    np.testing.assert_allclose(back.detach(), restore(forecast), atol=1e-8)


def restore_with(location, scale):
    return lambda forecast: forecast * scale + location


def mean_scale(x):
    return 0.0, np.abs(x).mean(1, keepdims=True)


def robust(x):
    low, median, high = np.quantile(x, [0.25, 0.5, 0.75], axis=1, keepdims=True)
    return median, (high - low) / 1.3489795003921634


def ema(x):
    weights = 0.5 ** (np.arange(x.shape[1])[::-1] / 5.0)
    weights = (weights / weights.sum()).reshape(1, -1, 1)
    location = (weights * x).sum(1, keepdims=True)
    return location, np.sqrt((weights * (x - location) ** 2).sum(1, keepdims=True))


def blend(x):
    location, share = x.mean(1, keepdims=True), 0.3
    return share * location, x.std(1, keepdims=True) ** share


PLAIN = {
    "MeanScale": (MeanScale(CHANNELS), mean_scale),
    "Robust": (Robust(CHANNELS), robust),
    "EMA": (EMA(CHANNELS, half_life=5.0), ema),
    "Blend": (Blend(CHANNELS, share=0.3).double(), blend),
}


@pytest.mark.parametrize("lookback", LOOKBACKS)
@pytest.mark.parametrize("name", PLAIN)
def test_location_and_scale(name, lookback):
    normalizer, formula = PLAIN[name]
    past = sample_data(lookback, level=-5.0)
    location, scale = formula(past)
    if name == "Blend":
        normalizer.share_logit.data.fill_(math.log(0.3 / 0.7))
    assert_formula(normalizer, past, (past - location) / scale, restore_with(location, scale))


@pytest.mark.parametrize("name", PLAIN)
def test_location_and_scale_of_the_observed_subset(name):
    normalizer, formula = PLAIN[name]
    past = sample_data(12, level=-5.0, windows=1)[..., :1].repeat(CHANNELS, axis=2)
    observed = np.ones(past.shape, dtype=bool)
    observed[:, [1, 4, 5], :] = False
    if name == "EMA":  # the weights are those of the steps, not of the count
        weights = (0.5 ** (np.arange(12)[::-1] / 5.0)).reshape(1, -1, 1) * observed
        location = (weights * past).sum(1, keepdims=True) / weights.sum(1, keepdims=True)
        spread = (weights * (past - location) ** 2).sum(1, keepdims=True)
        scale = np.sqrt(spread / weights.sum(1, keepdims=True))
    else:
        location, scale = formula(past[observed].reshape(1, 9, CHANNELS))
    z, _ = normalizer.normalize(torch.from_numpy(past), torch.from_numpy(observed))
    np.testing.assert_allclose(
        z.detach(), np.where(observed, (past - location) / scale, 0), atol=1e-9
    )


def test_robust_falls_back_to_the_next_measure_of_spread():
    mostly = np.array([5.0] * 6 + [6.0, 7.0, 9.0, 30.0, 5.0])  # quartiles 5 and 6.5
    flat = np.array([5.0] * 9 + [6.0, 30.0])  # quartiles and median deviation coincide
    for values, expected in (
        (mostly, 1.5 / 1.3489795003921634),
        (flat, np.sqrt(np.mean((flat - 5) ** 2))),
        (np.full(11, 5.0), 1.0),
    ):
        past = torch.from_numpy(values).reshape(1, -1, 1)
        assert Robust(1).statistics(past, None).scale.item() == pytest.approx(expected)
    spread = np.array([0.0] * 3 + [5.0] * 5 + [9.0] * 1)
    centre = Robust(1).statistics(torch.from_numpy(spread).reshape(1, -1, 1), None)
    assert centre.location.item() == 5.0


@pytest.mark.parametrize("lookback", LOOKBACKS)
def test_arcsinh(lookback):
    past = sample_data(lookback)
    past[0, 3, 0] += 300
    location, scale = past.mean(1, keepdims=True), past.std(1, keepdims=True)
    restore = lambda forecast: np.sinh(forecast) * scale + location  # noqa: E731
    assert_formula(Arcsinh(CHANNELS), past, np.arcsinh((past - location) / scale), restore)


@pytest.mark.usefixtures("plain_shapes")
def test_arcsinh_stays_finite_increasing_and_invertible_far_out():
    normalizer = Arcsinh(1)
    _, stats = normalizer.normalize(torch.randn(1, 20, 1))
    far = torch.tensor([-1e4, -100.0, -10.0, 0.0, 10.0, 89.0, 100.0, 1e4]).reshape(1, -1, 1)
    back = normalizer.denormalize(far, stats)
    assert back.isfinite().all()
    assert (back.diff(dim=1) > 0).all()
    torch.testing.assert_close(normalizer.normalize_future(back, stats), far, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="Arcsinh can't map a scale: its image depends on the"):
        normalizer.denormalize(far, stats, "scale")


@pytest.mark.parametrize("half_life", [None, 4.0])
def test_causal(half_life):
    past = sample_data(150, windows=2)
    decay = 1.0 if half_life is None else 0.5 ** (1 / half_life)
    z = np.zeros_like(past)
    for t in range(past.shape[1]):
        weights = (decay ** np.arange(t, -1, -1)).reshape(1, -1, 1)
        weights = weights / weights.sum()
        location = (weights * past[:, : t + 1]).sum(1)
        scale = np.sqrt((weights * (past[:, : t + 1] - location[:, None]) ** 2).sum(1))
        z[:, t] = (past[:, t] - location) / np.where(scale > 1e-12, scale, 1)
    final = restore_with(location[:, None], scale[:, None])
    assert_formula(Causal(CHANNELS, half_life), past, z, final)


@pytest.mark.parametrize("pieces", [(1,) * 40, (3, 30, 7), (40,)])
def test_causal_stream_equals_the_window(pieces):
    causal, past = Causal(CHANNELS), torch.from_numpy(sample_data(40))
    past[1, 5, 0] = past[0, :4, 1] = torch.nan
    whole, last = causal.normalize(past)
    state, parts = causal.initial_state(4, torch.float64), []
    for piece in past.split(pieces, dim=1):
        z, state = causal.update(state, piece)
        parts.append(z)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)
    expected = RevIN(CHANNELS, affine=False).statistics(past, past.isfinite())
    for statistics in (causal.future_statistics(last), causal.future_statistics(state)):
        torch.testing.assert_close(statistics.location, expected.location)
        torch.testing.assert_close(statistics.scale, expected.scale)
    later = past.clone()
    later[:, 30:] += 1000
    torch.testing.assert_close(causal.normalize(later)[0][:, :30], whole[:, :30])


def test_blend_approaches_both_limits():
    past = torch.from_numpy(sample_data(20))
    for share, limit in ((-40.0, Identity(3)), (40.0, RevIN(3, affine=False))):
        normalizer = Blend(3).double()
        normalizer.share_logit.data.fill_(share)
        z, stats = normalizer.normalize(past)
        expected, limit_stats = limit.normalize(past)
        torch.testing.assert_close(z, expected)
        torch.testing.assert_close(
            normalizer.denormalize(z, stats), limit.denormalize(expected, limit_stats)
        )


def sample_autoregression(rows, phi, seed=0):
    noise = np.random.default_rng(seed).normal(size=rows)
    for t in range(1, rows):
        noise[t] += phi * noise[t - 1]
    return noise


def test_blend_starts_low_for_constant_and_high_for_moving_levels():
    constant = sample_autoregression(8000, 0.5)
    moving = constant + 6 * np.repeat([0.0, 1.0, -1.0, 0.5], 2000)
    blend = Blend(2).double()
    blend.initialize_from(torch.from_numpy(np.stack([constant, moving], axis=1)), 48)
    low, high = blend.share.tolist()
    assert low < 0.3
    assert high > 0.95


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_level_standard_error_against_the_closed_form_and_the_matrix(phi):
    lookback = 40
    covariance = phi ** np.arange(lookback) / (1 - phi**2)
    actual = level_standard_error(torch.from_numpy(covariance).unsqueeze(1)).item()
    # T5 for AR(1) of unit innovations: 1 / sqrt((1 - phi) (L - (L - 2) phi)).
    assert actual == pytest.approx(
        1 / np.sqrt((1 - phi) * (lookback - (lookback - 2) * phi)), rel=1e-4
    )
    lags = np.abs(np.subtract.outer(np.arange(lookback), np.arange(lookback)))
    assert actual == pytest.approx(np.linalg.inv(covariance[lags]).sum() ** -0.5, rel=1e-4)
    series = torch.from_numpy(sample_autoregression(40000, phi)).unsqueeze(1)
    estimated = autocovariance(series, lookback).squeeze(1).numpy()
    np.testing.assert_allclose(estimated[:5], covariance[:5], rtol=0.1, atol=0.05)


@pytest.mark.parametrize("lookback", LOOKBACKS)
def test_dish_ts(lookback):
    normalizer, past = to_perturbed_double(DishTS(CHANNELS, lookback)), sample_data(lookback)
    statistics = []
    for weight in (normalizer.past_weight, normalizer.future_weight):
        weights = to_numpy(weight).T + 1 / lookback
        level = (weights * past).sum(1, keepdims=True)
        variance = ((past - level) ** 2).sum(1, keepdims=True) / (lookback - 1)
        statistics.append((level, np.sqrt(variance)))
    gain, bias = (
        to_numpy(bound_away_from_zero(normalizer.affine_weight)),
        to_numpy(normalizer.affine_bias),
    )
    (level, scale), (later, later_scale) = statistics
    z = (past - level) / scale * gain + bias
    assert_formula(normalizer, past, z, lambda f: (f - bias) / gain * later_scale + later)


def test_prior_guided_loss_by_hand():
    normalizer = DishTS(1, 2, prior=0.5)
    _, stats = normalizer.normalize(torch.tensor([[[1.0], [3.0]], [[5.0], [5.0]]]))
    future = torch.tensor([[[4.0], [6.0]], [[8.0], [torch.nan]]])
    # Future levels start at the means 2 and 5, the horizons' are 5 and 8: 0.5 (9 + 9) / 2.
    assert normalizer.auxiliary_loss(stats, future).item() == pytest.approx(4.5)


@pytest.mark.parametrize("lookback", LOOKBACKS)
def test_dain(lookback):
    normalizer, past = to_perturbed_double(DAIN(CHANNELS)), sample_data(lookback)
    eye = np.eye(CHANNELS)
    location = (past.mean(1) @ (eye + to_numpy(normalizer.mean_map)).T)[:, None]
    centred = past - location
    root = np.sqrt((centred**2).mean(1))
    scale = np.maximum(root @ (eye + to_numpy(normalizer.scale_map)).T, root / 100)[:, None]
    logits = (centred / scale).mean(1) @ to_numpy(normalizer.gate.weight).T + to_numpy(
        normalizer.gate.bias
    )
    gate = np.maximum(1 / (1 + np.exp(-logits)), 0.01)[:, None]
    assert_formula(normalizer, past, centred / scale * gate, restore_with(location, scale / gate))


def apply_linear(layer, values):
    result = values @ to_numpy(layer.weight).T
    return result if layer.bias is None else result + to_numpy(layer.bias)


def cut_slices(values, length, from_end):
    """Cut (batch, steps, channels) into slices, the shorter one first or last."""
    steps = values.shape[1]
    first = steps % length if from_end else 0
    edges = ([0] if first else []) + list(range(first, steps, length)) + [steps]
    return [values[:, start:end] for start, end in itertools.pairwise(edges)]


@pytest.mark.parametrize("lookback", LOOKBACKS)
def test_san(lookback):
    length = 4
    normalizer = to_perturbed_double(SAN(CHANNELS, lookback, HORIZON, length, hidden=6))
    past = sample_data(lookback)
    parts = cut_slices(past, length, from_end=True)
    whole = past.std(1, keepdims=True)
    z, means, scales = [], [], []
    for part in parts:
        mean = part.mean(1, keepdims=True)
        scale = part.std(1, ddof=1, keepdims=True) if part.shape[1] > 1 else 0 * mean
        z.append((part - mean) / np.where(scale > 0, scale, whole))
        means.append(mean)
        scales.append(scale)
    level = past.mean(1, keepdims=True)

    def network(net, statistic, window, bend):
        hidden = [
            apply_linear(net.from_slices, statistic.transpose(0, 2, 1)),
            apply_linear(net.from_window, window.transpose(0, 2, 1)),
        ]
        return apply_linear(net.out, bend(np.concatenate(hidden, axis=-1))).transpose(0, 2, 1)

    centred, mix = past - level, to_numpy(normalizer.mix)
    predicted = network(normalizer.mean_network, np.concatenate(means, 1) - level, centred, np.tanh)
    later = mix[0] * predicted + mix[1] * level
    apply_relu = lambda values: np.maximum(values, 0)  # noqa: E731
    spread = network(normalizer.scale_network, np.concatenate(scales, 1), centred, apply_relu)
    spread = np.log1p(np.exp(spread)) + 1e-5
    slice_index = np.arange(HORIZON) // length
    assert_formula(
        normalizer,
        past,
        np.concatenate(z, 1),
        restore_with(later[:, slice_index], spread[:, slice_index]),
    )
    stats = normalizer.normalize(torch.from_numpy(past))[1]
    future = sample_data(HORIZON, seed=5)
    truth = cut_slices(future, length, from_end=False)
    errors = [(later[:, i] - part.mean(1)) ** 2 for i, part in enumerate(truth)]
    errors += [(spread[:, i] - part.std(1, ddof=1)) ** 2 for i, part in enumerate(truth)]
    actual = normalizer.auxiliary_loss(stats, torch.from_numpy(future)).item()
    assert actual == pytest.approx(np.mean(errors))


def test_slice_loss_by_hand():
    normalizer = SAN(1, 4, 4, slice_length=2, hidden=3)
    with torch.no_grad():
        for network in (normalizer.mean_network, normalizer.scale_network):
            network.out.weight.zero_()
            network.out.bias.zero_()
    _, stats = normalizer.normalize(torch.tensor([[[1.0], [2.0], [3.0], [6.0]]]))
    future = torch.tensor([[[4.0], [6.0], [7.0], [torch.nan]]])
    # Predicted: means 3, 3; deviations log 2 + 1e-5. True: 5 and 7; sqrt 2, and unknown.
    expected = (4 + 16 + (math.log(2) + 1e-5 - math.sqrt(2)) ** 2) / 3
    assert normalizer.auxiliary_loss(stats, future).item() == pytest.approx(expected, rel=1e-6)


def select_main_frequencies(values, count):
    spectrum = np.fft.rfft(values, axis=1)
    selected = np.zeros_like(spectrum)
    for window in range(values.shape[0]):
        for channel in range(values.shape[2]):
            order = np.argsort(-np.abs(spectrum[window, :, channel]))[:count]
            selected[window, order, channel] = spectrum[window, order, channel]
    return np.fft.irfft(selected, n=values.shape[1], axis=1)


@pytest.mark.parametrize("level", [0.0, 20.0])
@pytest.mark.parametrize("lookback", LOOKBACKS)
def test_fan(lookback, level):
    normalizer = to_perturbed_double(FAN(CHANNELS, lookback, HORIZON, frequencies=3, hidden=5))
    past = sample_data(lookback, level=level)
    main = select_main_frequencies(past, 3)
    hidden = np.maximum(apply_linear(normalizer.from_main, main.transpose(0, 2, 1)), 0)
    both = np.concatenate([hidden, past.transpose(0, 2, 1)], axis=-1)
    later = apply_linear(normalizer.out, np.maximum(apply_linear(normalizer.from_both, both), 0))
    later = later.transpose(0, 2, 1)
    assert_formula(normalizer, past, past - main, lambda forecast: forecast + later)
    _, stats = normalizer.normalize(torch.from_numpy(past))
    future, forecast = sample_data(HORIZON, seed=6), RNG.normal(size=(4, HORIZON, CHANNELS))
    true_main = select_main_frequencies(future, 3)
    expected = ((later - true_main) ** 2).mean() + ((forecast - future + true_main) ** 2).mean()
    actual = normalizer.auxiliary_loss(stats, torch.from_numpy(future), torch.from_numpy(forecast))
    assert actual.item() == pytest.approx(expected)


def test_frequency_loss_by_hand_leaves_incomplete_horizons_out():
    normalizer = FAN(1, 4, 2, frequencies=1)
    with torch.no_grad():
        normalizer.out.weight.zero_()
        normalizer.out.bias.fill_(1.0)
    _, stats = normalizer.normalize(torch.arange(8.0).reshape(2, 4, 1))
    future = torch.tensor([[[4.0], [6.0]], [[8.0], [torch.nan]]])
    forecast = torch.zeros(2, 2, 1)
    # The main part of (4, 6) is its level 5, the rest -1 and 1: (1 - 5)^2 + 1.
    assert normalizer.auxiliary_loss(stats, future, forecast).item() == pytest.approx(17.0)
    assert normalizer.auxiliary_loss(stats, future).item() == pytest.approx(16.0)


def test_stationary_factors():
    lookback = 11
    normalizer = to_perturbed_double(Stationary(CHANNELS, lookback, hidden=4))
    past = sample_data(lookback, level=0.5)
    location, scale = past.mean(1, keepdims=True), past.std(1, keepdims=True)
    assert_formula(normalizer, past, (past - location) / scale, restore_with(location, scale))
    _, stats = normalizer.normalize(torch.from_numpy(past))

    def project(projector, statistic):
        around = np.concatenate([past[..., -1:], past, past[..., :1]], axis=2)
        kernel = to_numpy(projector.mix)[0]
        mixed = sum(
            (around[:, :, shift : shift + CHANNELS] * kernel[:, shift, None]).sum(1)
            for shift in range(3)
        )
        hidden = np.concatenate([mixed, statistic[:, 0]], axis=1)
        for layer in projector.layers:
            relu = isinstance(layer, nn.ReLU)
            hidden = np.maximum(hidden, 0) if relu else apply_linear(layer, hidden)
        return hidden

    log_tau = np.minimum(project(normalizer.tau, scale)[:, 0], 10)
    np.testing.assert_allclose(stats.factors.tau.detach(), np.exp(log_tau), rtol=1e-9)
    delta = project(normalizer.delta, location)
    np.testing.assert_allclose(stats.factors.delta.detach(), delta, atol=1e-9)


class Attention(DestationaryBackbone):
    """One attention head over time, with the factors in its logits."""

    def forward(self, past, factors=None):
        logits = past @ past.mT
        if factors is not None:
            logits = logits * factors.tau[:, None, None] + factors.delta[:, None, :]
        return (logits.softmax(-1) @ past)[:, -self.horizon :]


def test_factors_reach_a_backbone_that_takes_them():
    past = torch.from_numpy(sample_data(12)).float()
    backbone = Attention(12, 5, CHANNELS)
    torch.manual_seed(1)
    model = Reversible(backbone, Stationary(CHANNELS, 12))
    z, stats = model.normalizer.normalize(past)
    expected = model.normalizer.denormalize(backbone(z, stats.factors), stats)
    assert torch.equal(model(past), expected)
    assert not torch.allclose(model(past), model.normalizer.denormalize(backbone(z), stats))
    model(past).sum().backward()
    assert all(part.grad is not None for part in model.normalizer.parameters())
    plain = Reversible(backbone, RevIN(CHANNELS))
    assert torch.equal(plain(past), RevIN(CHANNELS).denormalize(backbone(z), stats.window))


def test_a_gaussian_keeps_its_density_and_its_deviation():
    revin = RevIN(1).double()
    with torch.no_grad():
        revin.affine_weight.fill_(-2.0)
        revin.affine_bias.fill_(0.5)
    past = torch.from_numpy(sample_data(50, level=50.0)[:1, :, :1])
    _, stats = revin.normalize(past)
    zero = torch.zeros(1, 1, 1, dtype=torch.float64)
    back = revin.denormalize_distribution(Normal(zero, 1 + zero), stats)
    location, scale = past.mean().item(), past.std(correction=0).item()
    mapped = Normal(zero.squeeze() + location + 0.25 * scale, zero.squeeze() + scale / 2)
    assert back.mean.item() == pytest.approx(mapped.mean.item())
    assert back.stddev.item() == pytest.approx(scale / 2)
    assert back.variance.item() == pytest.approx(scale**2 / 4)
    grid = torch.linspace(location - 8 * scale, location + 8 * scale, 4001, dtype=torch.float64)
    density = back.expand((4001, 1, 1)).log_prob(grid.reshape(-1, 1, 1)).flatten()
    torch.testing.assert_close(density, mapped.log_prob(grid))
    assert torch.trapezoid(density.exp(), grid).item() == pytest.approx(1, abs=1e-6)
    assert back.icdf(zero + 0.9).item() == pytest.approx(mapped.icdf(zero + 0.9).item())
