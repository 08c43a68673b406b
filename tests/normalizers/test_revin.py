"""RevIN: formula, round trip, parity with the reference layer, refusals and gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from revin_forecast.normalizers import Identity, LastValue, RevIN
from revin_forecast.normalizers.weight_bound import MIN_GAIN, bound_away_from_zero


def sample_windows(*shape, level=0.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64) * 3 + level


def build_trained(**options):
    """Return a layer whose affine parameters are not at their initial values."""
    layer = RevIN(3, **options).double()
    with torch.no_grad():
        layer.affine_weight.copy_(torch.tensor([1.7, -0.4, 0.6]))
        layer.affine_bias.copy_(torch.tensor([0.3, -2.0, 5.0]))
    return layer


def numpy_revin(x, weight, bias, statistic="mean", eps=0.0, correction=0):
    location = {
        "mean": x.mean(1, keepdims=True),
        "last": x[:, -1:],
        "median": np.median(x, axis=1, keepdims=True),
    }[statistic]
    scale = np.sqrt(x.var(1, keepdims=True, ddof=correction) + eps)
    return (x - location) / scale * weight + bias, location, scale


@pytest.mark.parametrize("statistic", ["mean", "last", "median"])
@pytest.mark.parametrize("lookback", [5, 8])
@pytest.mark.parametrize("eps", [None, 1e-5])
@pytest.mark.parametrize("correction", [0, 1])
def test_formula_against_numpy(statistic, lookback, eps, correction):
    layer = build_trained(statistic=statistic, eps=eps, correction=correction)
    past = sample_windows(4, lookback, 3, level=20)
    weight, bias = (part.detach().numpy() for part in (layer.affine_weight, layer.affine_bias))
    expected, location, scale = numpy_revin(
        past.numpy(), weight, bias, statistic, eps or 0.0, correction
    )
    z, stats = layer.normalize(past)
    np.testing.assert_allclose(z.detach(), expected, atol=1e-12)
    future = sample_windows(4, 7, 3, seed=1)
    back = (future.numpy() - bias) / weight * scale + location
    np.testing.assert_allclose(layer.denormalize(future, stats).detach(), back, atol=1e-11)


@given(
    mask=st.lists(st.booleans(), min_size=6, max_size=6),
    values=st.lists(st.floats(-1e3, 1e3), min_size=6, max_size=6),
    statistic=st.sampled_from(["mean", "last", "median"]),
    correction=st.sampled_from([0, 1]),
)
def test_statistics_of_the_observed_subset(mask, values, statistic, correction):
    past = torch.tensor(values, dtype=torch.float64).reshape(1, 6, 1)
    observed = torch.tensor(mask).reshape(1, 6, 1)
    subset = np.array(values)[mask]
    stats = RevIN(1, statistic=statistic, correction=correction).statistics(past, observed)
    assert torch.isfinite(stats.location).all()
    if len(subset) == 0:
        assert (stats.location.item(), stats.scale.item()) == (0, 1)
        return
    expected = {"mean": subset.mean(), "last": subset[-1], "median": np.median(subset)}[statistic]
    assert stats.location.item() == pytest.approx(expected, abs=1e-9)
    if len(subset) == 1:
        assert stats.scale.item() == 1
    elif np.ptp(subset) > 1e-6:
        assert stats.scale.item() == pytest.approx(subset.std(ddof=correction), rel=1e-9)


@pytest.mark.parametrize("eps", [None, 1e-5])
def test_unbiased_variance_of_a_window_with_a_single_value_stays_finite(eps):
    layer = RevIN(2, eps=eps, correction=1)
    one_step = torch.tensor([[[3.0, -1e6]]])
    with_gaps = torch.full((1, 5, 2), torch.nan)
    with_gaps[0, 2] = torch.tensor([3.0, -1e6])
    for past in (one_step, with_gaps):
        z, stats = layer.normalize(past)
        assert torch.equal(z.detach(), torch.zeros_like(past))
        scale = 1.0 if eps is None else eps**0.5
        torch.testing.assert_close(stats.scale, torch.full((1, 1, 2), scale))
        forecast = layer.denormalize(torch.zeros(1, 3, 2), stats)
        torch.testing.assert_close(forecast, one_step.expand(1, 3, 2))


@given(
    weight=st.lists(st.floats(-50, 50), min_size=2, max_size=2),
    bias=st.lists(st.floats(-50, 50), min_size=2, max_size=2),
    level=st.floats(-1e6, 1e6),
    scale=st.floats(1e-6, 1e6),
)
def test_round_trip_with_any_parameters(weight, bias, level, scale):
    layer = RevIN(2).double()
    with torch.no_grad():
        layer.affine_weight.copy_(torch.tensor(weight))
        layer.affine_bias.copy_(torch.tensor(bias))
    past = sample_windows(2, 9, 2) * scale + level
    z, stats = layer.normalize(past)
    error = (layer.denormalize(z, stats) - past).abs().max().item()
    assert error <= 1e-9 * (scale + abs(level)) + 1e-8 * scale


def test_unguarded_weights_are_used_as_they_are():
    weight, bias = np.array([1.7, -0.004, 1e-7]), np.array([0.3, -2.0, 5.0])
    past, future = sample_windows(4, 8, 3, level=20), sample_windows(4, 7, 3, seed=1)
    for eps in (None, 1e-3):
        layer = RevIN(3, affine="unguarded", eps=eps).double()
        with torch.no_grad():
            layer.affine_weight.copy_(torch.from_numpy(weight))
            layer.affine_bias.copy_(torch.from_numpy(bias))
        expected, location, scale = numpy_revin(past.numpy(), weight, bias, eps=eps or 0.0)
        z, stats = layer.normalize(past)
        np.testing.assert_allclose(z.detach(), expected, atol=1e-12)
        back = (future.numpy() - bias) / (weight + (eps or 0.0) ** 2) * scale + location
        np.testing.assert_allclose(layer.denormalize(future, stats).detach(), back, rtol=1e-9)
        # The inverse of the way back, for a loss on the common scale.
        again = layer.normalize_future(layer.denormalize(future, stats), stats)
        np.testing.assert_allclose(again.detach(), future, atol=1e-6)
        deviation = layer.denormalize(torch.ones_like(future), stats, "scale").detach()
        spread = np.broadcast_to(scale / np.abs(weight + (eps or 0.0) ** 2), deviation.shape)
        np.testing.assert_allclose(deviation, spread)
    assert repr(layer) == 'RevIN(3, affine="unguarded", eps=0.001)'


@given(order=st.permutations(range(5)), channels=st.permutations(range(3)))
def test_permuting_windows_and_channels_permutes_the_result(order, channels):
    layer, past = RevIN(3).double(), sample_windows(5, 8, 3)
    whole, _ = layer.normalize(past)
    moved, _ = layer.normalize(past[order][:, :, channels])
    torch.testing.assert_close(moved, whole[order][:, :, channels], rtol=0, atol=1e-13)


@given(weight=st.floats(-10, 10, width=32))
def test_effective_weights_are_bounded_away_from_zero(weight):
    bounded = bound_away_from_zero(torch.tensor(weight)).item()
    assert abs(bounded) >= MIN_GAIN * (1 - 1e-6)
    assert (bounded < 0) == (weight < 0)
    if abs(weight) >= 2 * MIN_GAIN:
        assert bounded == weight


class ReferenceFormula(nn.Module):
    """The authors' formula as in the paper, with its additive eps and its guard."""

    def __init__(self, channels, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.affine_weight = nn.Parameter(torch.ones(channels))
        self.affine_bias = nn.Parameter(torch.zeros(channels))

    def both_ways(self, past, backbone):
        mean = past.mean(1, keepdim=True).detach()
        scale = (past.var(1, keepdim=True, unbiased=False) + self.eps).sqrt().detach()
        z = (past - mean) / scale * self.affine_weight + self.affine_bias
        future = (backbone(z) - self.affine_bias) / (self.affine_weight + self.eps * self.eps)
        return z, future * scale + mean


def test_parity_with_reference_checkpoints_both_ways():
    reference = ReferenceFormula(3)
    reference.load_state_dict(
        {
            "affine_weight": torch.tensor([0.8, -1.5, 3.0]),
            "affine_bias": torch.tensor([0.1, 2.0, -1.0]),
        }
    )
    prefixed = {f"model.revin.{name}": part for name, part in reference.state_dict().items()}
    layer = RevIN.from_reference(prefixed)
    past = sample_windows(6, 40, 3, level=5).float()
    z, stats = layer.normalize(past)
    expected_z, expected = reference.both_ways(past, torch.tanh)
    torch.testing.assert_close(z, expected_z, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        layer.denormalize(torch.tanh(z), stats), expected, rtol=1e-6, atol=1e-6
    )
    back = ReferenceFormula(3)
    back.load_state_dict(layer.to_reference())
    assert all(
        torch.equal(back.state_dict()[name], part) for name, part in layer.named_parameters()
    )


def test_the_reference_layer_loses_digits_at_level_1e6_and_ours_does_not():
    past = sample_windows(8, 96, 3, level=0).float() / 3 + 1e6
    exact = (past.double() - past.double().mean(1, keepdim=True)) / past.double().std(
        1, keepdim=True, correction=0
    )
    theirs, _ = ReferenceFormula(3).both_ways(past, lambda z: z)
    ours, _ = RevIN(3).normalize(past)
    assert (theirs - exact).abs().max() > 0.01
    assert (ours - exact).abs().max() < 1e-5


def test_two_targets_of_seven_channels():
    layer = RevIN(7, targets=[6, 2])
    past = sample_windows(4, 20, 7, level=100).float()
    _, stats = layer.normalize(past)
    forecast = layer.denormalize(torch.zeros(4, 5, 2), stats)
    expected = past.mean(1, keepdim=True)[..., [6, 2]].expand(4, 5, 2)
    torch.testing.assert_close(forecast, expected)


@pytest.mark.parametrize("targets", [[], [0, 0], [3], [-1]])
def test_invalid_targets_are_refused(targets):
    with pytest.raises(ValueError, match="targets are distinct channel numbers from 0 to 2"):
        RevIN(3, targets=targets)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"statistic": "mode"}, 'statistic must be "mean", "last" or "median" but got'),
        ({"eps": 0.0}, "eps must be a positive number or None"),
        ({"affine": "exact"}, "affine must be True, False or \"unguarded\" but got 'exact'"),
        ({"correction": 2}, r"correction must be 0 \(divide by n\) or 1 \(by n - 1\) but got 2"),
        ({"channels": 0}, "RevIN needs at least 1 channel but got 0"),
    ],
)
@pytest.mark.usefixtures("plain_shapes")
def test_invalid_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RevIN(**{"channels": 3, **options})


@pytest.mark.usefixtures("plain_shapes")
def test_messages_say_got_wanted_and_fix():
    layer = RevIN(channels=3)
    z, stats = layer.normalize(torch.zeros(2, 8, 3))
    with pytest.raises(ValueError, match=r"built for 3 channels but got 1\. Pass channels=1, or"):
        layer.normalize(torch.zeros(2, 8, 1))
    with pytest.raises(ValueError, match=r"but got shape \(8, 3\)\. Add the missing axis"):
        layer.normalize(torch.zeros(8, 3))
    with pytest.raises(TypeError, match=r"got torch.int64\. Pass past.float\(\)"):
        layer.normalize(torch.zeros(2, 8, 3, dtype=torch.long))
    with pytest.raises(ValueError, match=r"maps back 3 channels .* declare targets"):
        layer.denormalize(z[..., :1], stats)
    with pytest.raises(ValueError, match="forecast of 1 windows but statistics of 2"):
        layer.denormalize(z[:1], stats)


@pytest.mark.parametrize("normalizer", [RevIN(2), LastValue(2), Identity(2)])
def test_pair_shares_parameters(normalizer):
    into, back = normalizer.pair()
    past = sample_windows(3, 9, 2).float()
    z, stats = into(past)
    torch.testing.assert_close(back(z, stats), past)
    ours = list(normalizer.parameters())
    assert all(own is shared for own, shared in zip(ours, into.parameters(), strict=True))
    assert all(own is shared for own, shared in zip(ours, back.parameters(), strict=True))


def test_gradcheck_through_the_statistics():
    layer = build_trained(detach=False)
    past = sample_windows(2, 6, 3).requires_grad_()

    def both_ways(past, weight, bias):
        z, stats = torch.func.functional_call(
            _BothWays(layer), {"layer.affine_weight": weight, "layer.affine_bias": bias}, (past,)
        )
        return z, stats

    inputs = (past, layer.affine_weight, layer.affine_bias)
    assert torch.autograd.gradcheck(both_ways, inputs)
    assert torch.autograd.gradgradcheck(both_ways, inputs, atol=1e-4)


class _BothWays(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, past):
        z, stats = self.layer.normalize(past)
        return z, self.layer.denormalize(z.square(), stats)


def test_detached_statistics_are_constants_to_the_gradient():
    past = sample_windows(2, 6, 3).requires_grad_()
    gradients = {}
    for detach in (True, False):
        _, stats = RevIN(3, detach=detach).double().normalize(past)
        forecast = RevIN(3).double().denormalize(torch.zeros(2, 1, 3, dtype=past.dtype), stats)
        gradients[detach] = torch.autograd.grad(forecast.sum(), past, allow_unused=True)[0]
    assert gradients[True] is None
    torch.testing.assert_close(gradients[False], torch.full_like(past, 1 / 6))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_constant_half_precision_windows_and_large_deviation(dtype):
    past = (sample_windows(4, 32, 2) * 100).to(dtype)  # its variance does not fit float16
    z, stats = RevIN(2).normalize(past)
    assert stats.scale.dtype == torch.float32
    assert stats.scale.isfinite().all()
    assert z.detach().float().std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("statistic", ["mean", "last", "median"])
@pytest.mark.parametrize("windows", [2, 400])
@pytest.mark.parametrize("deviation", [3e18, 1e19, 1e30, 1e37])
def test_deviations_whose_square_does_not_fit_float32(deviation, windows, statistic):
    unit = sample_windows(windows, 64, 3)
    layer = RevIN(3, statistic=statistic)
    expected, _ = layer.normalize(unit.float())
    z, stats = layer.normalize((unit * deviation).float())
    torch.testing.assert_close(z, expected, rtol=1e-5, atol=1e-5)
    back = layer.denormalize(z, stats)
    torch.testing.assert_close(back / deviation, unit.float(), rtol=1e-5, atol=1e-5)


def test_windows_without_steps_are_refused():
    message = r"RevIN needs windows of at least 1 step but got shape \(2, 0, 3\)"
    with pytest.raises(ValueError, match=message):
        RevIN(3).normalize(torch.zeros(2, 0, 3))


def test_eight_bit_values_are_refused():
    past = torch.zeros(2, 4, 3).to(torch.float8_e4m3fn)
    message = r"16 bits or more but got torch.float8_e4m3fn. Pass past.float\(\)"
    with pytest.raises(TypeError, match=message):
        RevIN(3).normalize(past)
    z, stats = RevIN(3).normalize(past.float())
    with pytest.raises(TypeError, match=r"16 bits or more .* Pass future.float\(\)"):
        RevIN(3).denormalize(z.to(torch.float8_e4m3fn), stats)


def test_statistics_of_another_shape_are_refused():
    layer = RevIN(3)
    z, stats = layer.normalize(sample_windows(4, 8, 3).float())
    flat = tuple(statistic.squeeze(1) for statistic in stats)
    with pytest.raises(ValueError, match=r"needs statistics .* but got shape \(4, 3\)"):
        layer.denormalize(z, flat)
