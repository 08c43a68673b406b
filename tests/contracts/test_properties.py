"""Properties of every normalizer, for any parameters, levels and gaps."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast import normalizers
from revin_forecast.checks.samples import (
    CHANNELS,
    HORIZON,
    as_forecast,
    build_normalizer,
    sample_windows,
)

NAMES = [
    "DAIN",
    "DDN",
    "EMA",
    "FAN",
    "SAN",
    "Arcsinh",
    "Blend",
    "Causal",
    "DifferenceScale",
    "DishTS",
    "Identity",
    "LastValue",
    "MeanScale",
    "NoRIN",
    "RevIN",
    "Robust",
    "ShrunkLevel",
    "Stationary",
]
few_examples = settings(max_examples=10, deadline=None)
seeds = st.integers(0, 10_000)
every_normalizer = pytest.mark.parametrize("name", NAMES)


def build_perturbed(name, seed):
    return build_normalizer(getattr(normalizers, name), seed).double()


def both_ways(normalizer, past, observed=None):
    z, stats = normalizer.normalize(past, observed)
    return z, normalizer.denormalize(as_forecast(z).tanh(), stats)


def assert_close(actual, expected, unit=1.0):
    bound = 1e-9 * max(unit, expected.abs().max().item())
    torch.testing.assert_close(actual, expected, rtol=0, atol=bound)


@every_normalizer
@few_examples
@given(seed=seeds, level=st.floats(-1e6, 1e6), deviation=st.floats(1e-3, 1e6))
def test_truth_survives_the_round_trip(name, seed, level, deviation):
    normalizer, past = build_perturbed(name, seed), sample_windows(level, deviation, seed)
    _, stats = normalizer.normalize(past)
    future = sample_windows(level, deviation, seed + 1)[:, :HORIZON]
    z = normalizer.normalize_future(future, stats)
    back = normalizer.denormalize(z, stats)
    step = (normalizer.denormalize(z + 1, stats) - back).abs().max().item()
    assert_close(back, future, unit=step * (1 + z.abs().max().item()))
    if normalizer.is_invertible:
        z, stats = normalizer.normalize(past)
        assert_close(normalizer.denormalize(z, stats), past, unit=step * (1 + z.abs().max().item()))


@every_normalizer
@few_examples
@given(seed=seeds, order=st.permutations(range(8)))
def test_permuting_the_batch_permutes_the_result(name, seed, order):
    normalizer, past = build_perturbed(name, seed), sample_windows(seed=seed)
    for actual, expected in zip(
        both_ways(normalizer, past[order]), both_ways(normalizer, past), strict=True
    ):
        assert_close(actual, expected[order])


@every_normalizer
@few_examples
@given(seed=seeds, alone=st.integers(0, 7))
def test_other_windows_do_not_matter(name, seed, alone):
    normalizer, past = build_perturbed(name, seed), sample_windows(seed=seed)
    isolated = torch.full_like(past, torch.nan)
    isolated[alone] = past[alone]
    for actual, expected in zip(
        both_ways(normalizer, isolated), both_ways(normalizer, past), strict=True
    ):
        assert_close(actual[alone], expected[alone])


@every_normalizer
@few_examples
@given(seed=seeds, order=st.permutations(range(CHANNELS)))
def test_permuting_channels_permutes_the_result(name, seed, order):
    normalizer, past = build_perturbed(name, seed), sample_windows(seed=seed)
    moved = build_perturbed(name, seed)
    if normalizer.mixes_channels:
        with torch.no_grad():
            for parameter in moved.parameters():
                part = parameter[order]
                parameter.copy_(part[:, order] if part.ndim == 2 else part)
    else:
        _permute(moved, order)
    actual, expected = both_ways(moved, past[..., order]), both_ways(normalizer, past)
    for moved_values, values in zip(actual, expected, strict=True):
        assert_close(moved_values, values[..., order])


def _permute(normalizer, order):
    """Permute the tensors that belong to channels, but not those of networks."""
    names = {"affine_weight", "affine_bias", "share_logit", "past_weight", "future_weight"}
    names |= {"wavelet_share", "shares", "training_mean", "reading_weights"}
    with torch.no_grad():
        for name, parameter in [*normalizer.named_parameters(), *normalizer.named_buffers()]:
            if name.removeprefix("standard.") in names:
                parameter.copy_(parameter[order].clone())
            elif name in ("mix", "slopes"):
                parameter.copy_(parameter[:, order].clone())


@every_normalizer
@few_examples
@given(seed=seeds, share=st.floats(0, 1), other=st.sampled_from([torch.nan, torch.inf, 1e9]))
def test_unobserved_values_do_not_matter(name, seed, share, other):
    normalizer, past = build_perturbed(name, seed), sample_windows(seed=seed)
    observed = torch.rand(past.shape, generator=torch.Generator().manual_seed(seed)) < share
    observed[0, 0, 0] = False  # windows without any gap take another path, with other rounding
    declared = both_ways(normalizer, torch.where(observed, past, other), observed)
    missing = both_ways(normalizer, torch.where(observed, past, torch.nan))
    for actual, expected in zip(declared, missing, strict=True):
        assert torch.equal(actual, expected)
        assert actual.isfinite().all()


@few_examples
@given(seed=seeds, keep=st.lists(st.integers(0, 47), min_size=1, max_size=48, unique=True))
@pytest.mark.parametrize("name", ["MeanScale", "Robust", "RevIN", "LastValue", "Blend"])
def test_statistics_are_those_of_the_observed_subset(name, seed, keep):
    normalizer, past = build_perturbed(name, seed), sample_windows(seed=seed)
    observed = torch.zeros(past.shape, dtype=torch.bool)
    observed[:, keep] = True
    actual = normalizer.statistics(past, observed)
    expected = normalizer.statistics(past[:, sorted(keep)], None)
    assert_close(actual.location, expected.location, unit=10.0)
    assert_close(actual.scale, expected.scale, unit=10.0)
