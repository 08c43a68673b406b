"""NoRIN: the map of Johnson, its fit by quantiles, and what training leaves alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from torch.distributions import Normal

from revin_forecast import Linear, NoRIN, RevIN
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers.norin import (
    LINEAR_DELTA,
    NORMAL_QUANTILE,
    fit_johnson_shape,
    map_from_normal,
    map_to_normal,
)
from revin_forecast.training.fit import fit_model
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings

everywhere = torch.ones(1, dtype=torch.bool)


def fit(values):
    return fit_johnson_shape(values, everywhere.expand_as(values))


def set_shape(normalizer, delta, epsilon, location, scale):
    values = (delta, epsilon, location, scale)
    buffers = (normalizer.delta, normalizer.epsilon)
    buffers += (normalizer.shape_location, normalizer.shape_scale)
    for buffer, value in zip(buffers, values, strict=True):
        buffer.fill_(value)
    return normalizer


def test_the_map_is_that_of_johnson():
    past = 20 + 3 * np.random.default_rng(0).normal(size=(4, 13, 3))
    normalizer = set_shape(NoRIN(3).double(), 0.8, -0.4, 0.2, 0.7)
    mean, deviation = past.mean(1, keepdims=True), past.std(1, keepdims=True)
    expected = 0.8 * (-0.4 + np.arcsinh(((past - mean) / deviation - 0.2) / 0.7))
    z, stats = normalizer.normalize(torch.from_numpy(past))
    np.testing.assert_allclose(z, expected, atol=1e-6)  # the shape was rounded to float32
    back = normalizer.denormalize(z, stats)
    np.testing.assert_allclose(back, past, atol=1e-12)


def test_the_fit_agrees_with_the_parameters_that_made_the_data():
    # scipy: z = a + b asinh((x - loc) / scale), so epsilon = a / b and delta = b.
    quantiles = (np.arange(200_000) + 0.5) / 200_000
    values = scipy_stats.johnsonsu.ppf(quantiles, a=0.6, b=1.2, loc=0.3, scale=0.5)
    shape = fit(torch.from_numpy(values).unsqueeze(1))
    assert shape.delta.item() == pytest.approx(1.2, rel=1e-3)
    assert shape.epsilon.item() == pytest.approx(0.5, rel=1e-3)
    assert shape.location.item() == pytest.approx(0.3, abs=1e-3)
    assert shape.scale.item() == pytest.approx(0.5, rel=1e-3)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), skew=st.floats(-0.5, 0.5), tail=st.floats(0.3, 0.8))
def test_four_quantiles_get_their_normal_images(seed, skew, tail):
    noise = torch.randn(501, 1, generator=torch.Generator().manual_seed(seed)).double()
    values = torch.sinh(tail * noise + skew)
    shape = fit(values)
    if shape.delta.item() == LINEAR_DELTA:
        return
    levels = Normal(0.0, 1.0).cdf(torch.tensor([-3.0, -1.0, 1.0, 3.0]) * NORMAL_QUANTILE)
    images = map_to_normal(values.quantile(levels.double(), dim=0), shape)
    expected = torch.tensor([-3.0, -1.0, 1.0, 3.0]).double() * NORMAL_QUANTILE
    torch.testing.assert_close(images.flatten(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["uniform", "constant", "mostly zero"])
def test_without_heavy_tails_or_spread_the_map_is_a_straight_line(kind):
    values = torch.linspace(-2, 2, 401, dtype=torch.float64).unsqueeze(1)
    values = {"uniform": values, "constant": values * 0, "mostly zero": values.clamp(min=1.9)}[kind]
    shape = fit(values)
    u = torch.linspace(-3, 3, 7, dtype=torch.float64)
    torch.testing.assert_close(map_to_normal(u, shape), u, atol=1e-5, rtol=0)


def test_extreme_tails_are_bounded():
    values = torch.randn(2001, 1, generator=torch.Generator().manual_seed(0)).double()
    shape = fit(torch.sinh(4 * values))
    assert shape.delta.item() > 0.5
    z = torch.linspace(-30, 30, 61).double()
    back = map_from_normal(z, shape)
    assert back.isfinite().all()
    assert (back.diff() > 0).all()
    torch.testing.assert_close(map_to_normal(back, shape), z)


def test_gaps_and_rows_shorter_than_the_window_are_fitted():
    rows = torch.sinh(torch.randn(4000, 2, generator=torch.Generator().manual_seed(0)).double())
    gappy = rows.clone()
    gappy[::7] = torch.nan
    whole, with_gaps, short = NoRIN(2), NoRIN(2), NoRIN(2)
    whole.initialize_from(rows, 200)
    with_gaps.initialize_from(gappy, 200)
    short.initialize_from(rows[:100], 200)
    torch.testing.assert_close(with_gaps.delta, whole.delta, rtol=0.2, atol=0)
    assert (whole.delta < 3).all()
    assert short.delta.isfinite().all()


@pytest.mark.parametrize(
    ("shape", "lookback", "message"),
    [
        ((9, 3), 4, r"for 2 channels but got rows of shape \(9, 3\)\. Pass \(time, 2\)"),
        ((9,), 4, r"for 2 channels but got rows of shape \(9,\)\. Pass \(time, 2\)"),
        ((0, 2), 4, r"at least 1 row and a look-back of at least 1 step but got 0 and 4\."),
        ((9, 2), 0, r"at least 1 row and a look-back of at least 1 step but got 9 and 0\."),
    ],
)
def test_rows_that_cannot_be_fitted_are_refused(shape, lookback, message):
    with pytest.raises(ValueError, match=message):
        NoRIN(2).initialize_from(torch.zeros(shape), lookback)


def test_training_does_not_change_the_shape():
    noise = np.random.default_rng(0).standard_t(3, size=(300, 2)).cumsum(axis=0)
    split = ChronologicalSplit(noise, 200, 250, 300)
    training = TrainingSettings(max_epochs=2, learning_rate=0.1)
    config = ModelConfig(
        ModuleSpec.from_class(Linear), ModuleSpec.from_class(NoRIN), 13, 5, training
    )
    model, _ = fit_model(config, split)
    fresh = NoRIN(2)
    fresh.initialize_from(torch.from_numpy(split.standardizer.transform(noise[:200])), 13)
    assert list(fresh.parameters()) == []
    torch.testing.assert_close(model.normalizer.state_dict(), fresh.state_dict(), rtol=0, atol=0)


def test_targets_have_the_shape_of_their_own_channel():
    normalizer = NoRIN(2, targets=[1])
    rows = torch.randn(2000, 2, generator=torch.Generator().manual_seed(0)).double()
    rows[:, 1] = torch.sinh(2 * rows[:, 1])
    normalizer.initialize_from(rows, 50)
    past = rows[:50].unsqueeze(0)
    z, stats = normalizer.double().normalize(past)
    torch.testing.assert_close(normalizer.denormalize(z[..., 1:], stats), past[..., 1:])
    torch.testing.assert_close(normalizer.normalize_future(past[..., 1:], stats), z[..., 1:])
    levels = z[..., 1:].unsqueeze(-1) + torch.tensor([-1.0, 0.0, 1.0]).double()
    back = normalizer.denormalize(levels, stats, "quantile")
    assert (back.diff(dim=-1) > 0).all()
    torch.testing.assert_close(back[..., 1], past[..., 1:])


def test_a_gaussian_becomes_the_distribution_of_johnson():
    normalizer = set_shape(NoRIN(1).double(), 2.0, 0.5, 0.25, 1.5)
    _, stats = normalizer.normalize(torch.randn(1, 50, 1).double() * 3 + 20)
    zero = torch.zeros(1, 1, 1).double()
    mapped = normalizer.denormalize_distribution(Normal(zero, zero + 1), stats)
    location, scale = stats.location.item(), stats.scale.item()
    expected = scipy_stats.johnsonsu(a=1.0, b=2.0, loc=location + scale * 0.25, scale=scale * 1.5)
    value = torch.full((1, 1, 1), location + 1.3 * scale).double()
    assert mapped.log_prob(value).item() == pytest.approx(expected.logpdf(value.item()))
    assert mapped.cdf(value).item() == pytest.approx(expected.cdf(value.item()))


@pytest.mark.usefixtures("plain_shapes")
def test_spreads_are_refused():
    normalizer = NoRIN(1)
    _, stats = normalizer.normalize(torch.randn(1, 9, 1))
    with pytest.raises(ValueError, match="NoRIN can't map a variance: its image depends on the"):
        normalizer.denormalize(torch.ones(1, 2, 1), stats, "variance")


def test_a_straight_line_is_revin_without_affine_map():
    past = torch.randn(4, 30, 2).double()
    normalizer = set_shape(NoRIN(2).double(), LINEAR_DELTA, 0.0, 0.0, LINEAR_DELTA)
    expected, _ = RevIN(2, affine=False).normalize(past)
    torch.testing.assert_close(normalizer.normalize(past)[0], expected, rtol=0, atol=1e-5)
