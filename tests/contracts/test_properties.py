"""What holds for every normalizer, whatever its parameters, levels and gaps."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast import normalizers
from revin_forecast.checks.runner import (
    CHANNELS,
    HORIZON,
    as_forecast,
    build_normalizer,
    sample_windows,
)

NAMES = [
    "DAIN",
    "EMA",
    "FAN",
    "SAN",
    "Arcsinh",
    "Blend",
    "Causal",
    "DishTS",
    "Identity",
    "LastValue",
    "MeanScale",
    "RevIN",
    "Robust",
    "Stationary",
]
few = settings(max_examples=10, deadline=None)
seeds = st.integers(0, 10_000)
everyone = pytest.mark.parametrize("name", NAMES)


def made(name, seed):
    return build_normalizer(getattr(normalizers, name), seed).double()


def both_ways(normalizer, past, observed=None):
    z, stats = normalizer.normalize(past, observed)
    return z, normalizer.denormalize(as_forecast(z).tanh(), stats)


def close(got, wanted, unit=1.0):
    bound = 1e-9 * max(unit, wanted.abs().max().item())
    torch.testing.assert_close(got, wanted, rtol=0, atol=bound)


@everyone
@few
@given(seed=seeds, level=st.floats(-1e6, 1e6), deviation=st.floats(1e-3, 1e6))
def test_truth_goes_there_and_back(name, seed, level, deviation):
    normalizer, past = made(name, seed), sample_windows(level, deviation, seed)
    _, stats = normalizer.normalize(past)
    future = sample_windows(level, deviation, seed + 1)[:, :HORIZON]
    z = normalizer.normalize_future(future, stats)
    back = normalizer.denormalize(z, stats)
    step = (normalizer.denormalize(z + 1, stats) - back).abs().max().item()
    close(back, future, unit=step * (1 + z.abs().max().item()))
    if normalizer.is_invertible:
        z, stats = normalizer.normalize(past)
        close(normalizer.denormalize(z, stats), past, unit=step * (1 + z.abs().max().item()))


@everyone
@few
@given(seed=seeds, order=st.permutations(range(8)))
def test_permuting_the_batch_permutes_the_result(name, seed, order):
    normalizer, past = made(name, seed), sample_windows(seed=seed)
    for got, wanted in zip(
        both_ways(normalizer, past[order]), both_ways(normalizer, past), strict=True
    ):
        close(got, wanted[order])


@everyone
@few
@given(seed=seeds, alone=st.integers(0, 7))
def test_other_windows_do_not_matter(name, seed, alone):
    normalizer, past = made(name, seed), sample_windows(seed=seed)
    crowd = torch.full_like(past, torch.nan)
    crowd[alone] = past[alone]
    for got, wanted in zip(both_ways(normalizer, crowd), both_ways(normalizer, past), strict=True):
        close(got[alone], wanted[alone])


@everyone
@few
@given(seed=seeds, order=st.permutations(range(CHANNELS)))
def test_permuting_channels_permutes_the_result(name, seed, order):
    normalizer, past = made(name, seed), sample_windows(seed=seed)
    moved = made(name, seed)
    if normalizer.mixes_channels:
        with torch.no_grad():
            for parameter in moved.parameters():
                part = parameter[order]
                parameter.copy_(part[:, order] if part.ndim == 2 else part)
    else:
        _permute(moved, order)
    got, wanted = both_ways(moved, past[..., order]), both_ways(normalizer, past)
    for one, other in zip(got, wanted, strict=True):
        close(one, other[..., order])


def _permute(normalizer, order):
    """Permute what belongs to channels: vectors and rows of that length, networks excepted."""
    names = {"affine_weight", "affine_bias", "share_logit", "past_weight", "future_weight"}
    with torch.no_grad():
        for name, parameter in normalizer.named_parameters():
            if name in names:
                parameter.copy_(parameter[order].clone())
            elif name == "mix":
                parameter.copy_(parameter[:, order].clone())


@everyone
@few
@given(seed=seeds, share=st.floats(0, 1), other=st.sampled_from([torch.nan, torch.inf, 1e9]))
def test_what_is_not_observed_is_as_if_it_were_not_there(name, seed, share, other):
    normalizer, past = made(name, seed), sample_windows(seed=seed)
    observed = torch.rand(past.shape, generator=torch.Generator().manual_seed(seed)) < share
    declared = both_ways(normalizer, torch.where(observed, past, other), observed)
    missing = both_ways(normalizer, torch.where(observed, past, torch.nan))
    for got, wanted in zip(declared, missing, strict=True):
        assert torch.equal(got, wanted)
        assert got.isfinite().all()


@few
@given(seed=seeds, keep=st.lists(st.integers(0, 47), min_size=1, max_size=48, unique=True))
@pytest.mark.parametrize("name", ["MeanScale", "Robust", "RevIN", "LastValue", "Blend"])
def test_statistics_are_those_of_the_observed_subset(name, seed, keep):
    normalizer, past = made(name, seed), sample_windows(seed=seed)
    observed = torch.zeros(past.shape, dtype=torch.bool)
    observed[:, keep] = True
    found = normalizer.statistics(past, observed)
    wanted = normalizer.statistics(past[:, sorted(keep)], None)
    close(found.location, wanted.location, unit=10.0)
    close(found.scale, wanted.scale, unit=10.0)
