"""DifferenceScale against its formula in NumPy, with gaps, flat ends and errors."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast.normalizers import DifferenceScale

few_examples = settings(max_examples=25, deadline=None)


def measure_by_hand(values, rows, share):
    """Return location and scale of one channel of one window, (time,), NaN where unobserved."""
    known = np.flatnonzero(np.isfinite(values))
    for first in (max(0, len(values) - rows), 0):
        recent = known[known >= first]
        steps = [
            abs(values[after] - values[before]) / np.sqrt(after - before)
            for before, after in itertools.pairwise(recent)
        ]
        if steps:
            scale = np.mean(steps) + share * values[recent].std()
            if scale > 0:
                return values[known[-1]], scale
    return values[known[-1]] if len(known) else 0.0, 1.0


def as_window(values):
    return torch.as_tensor(values, dtype=torch.float64).reshape(1, -1, 1)


def measure(values, **options):
    _, stats = DifferenceScale(1, **options).normalize(as_window(values))
    return stats.location.item(), stats.scale.item()


@few_examples
@given(
    seed=st.integers(0, 10_000),
    lookback=st.integers(1, 30),
    rows=st.integers(2, 40),
    share=st.sampled_from([0.0, 0.02, 1.0]),
    missing=st.sampled_from([0.0, 0.3, 0.9]),
)
def test_statistics_are_those_of_the_formula(seed, lookback, rows, share, missing):
    rng = np.random.default_rng(seed)
    past = 20 + rng.normal(size=(4, lookback, 3)).cumsum(1).round(rng.integers(0, 3))
    past[rng.random(past.shape) < missing] = np.nan
    layer = DifferenceScale(3, rows=rows, deviation_share=share)
    z, stats = layer.normalize(torch.from_numpy(past))
    expected = np.array(
        [
            [measure_by_hand(window[:, channel], rows, share) for channel in range(3)]
            for window in past
        ]
    )
    location, scale = expected[:, None, :, 0], expected[:, None, :, 1]
    np.testing.assert_array_equal(stats.location, location)
    np.testing.assert_allclose(stats.scale, scale, rtol=1e-12)
    np.testing.assert_allclose(z, np.nan_to_num((past - location) / scale), atol=1e-12)


def test_only_the_last_rows_count():
    assert measure([0, 90, -90, 0, 1, 3, 4], rows=4, deviation_share=0.0) == (4, 4 / 3)
    # The whole window, where the last rows have one value or none.
    assert measure([0, 3, 0, 5, 5, 5], rows=3, deviation_share=0.0) == (5, 11 / 5)
    gap = [1, 3, torch.nan, torch.nan, torch.nan, torch.nan]
    assert measure(gap, rows=3, deviation_share=0.0) == (3, 2)


def test_a_gap_counts_as_the_step_of_a_random_walk():
    walk = np.random.default_rng(0).normal(size=20_000).cumsum()
    rows = len(walk)
    whole = measure(walk, rows=rows, deviation_share=0.0)[1]
    for steps in (2, 7):
        gappy = np.full(rows, np.nan)
        gappy[::steps] = walk[::steps]
        assert measure(gappy, rows=rows, deviation_share=0.0)[1] == pytest.approx(whole, rel=0.1)


def test_windows_without_a_step_have_scale_one():
    assert measure([7.1] * 5) == (7.1, 1)
    assert measure([torch.nan, 7.1, torch.nan]) == (7.1, 1)
    assert measure([torch.nan] * 3) == (0, 1)


@few_examples
@given(
    seed=st.integers(0, 10_000),
    factor=st.floats(1e-6, 1e6),
    level=st.floats(-1e6, 1e6),
    flat=st.booleans(),
)
def test_z_does_not_change_with_level_and_scale(seed, factor, level, flat):
    rng = np.random.default_rng(seed)
    past = torch.from_numpy(rng.normal(size=(2, 30, 2)))
    past[rng.random(past.shape) < 0.2] = torch.nan
    if flat:  # the last rows have no spread
        past[:, -12:] = 0.5
    layer = DifferenceScale(2, rows=12)
    z, _ = layer.normalize(past)
    changed, _ = layer.normalize((past + level) * factor)
    torch.testing.assert_close(changed, z, rtol=0, atol=1e-7)


@pytest.mark.usefixtures("plain_shapes")
def test_transforms_measure_flat_ends_as_eager_code_does():
    past = torch.randn(6, 20, 2, generator=torch.Generator().manual_seed(0))
    past[:3, -8:] = 1.5
    past[3, 4:9, 0] = torch.nan
    layer = DifferenceScale(2, rows=8)
    z, stats = layer.normalize(past)
    assert (stats.scale[:3] != 1).all()  # not that of a constant window
    # Transforms can't branch on data.
    mapped = torch.func.vmap(lambda window: layer.normalize(window.unsqueeze(0))[0][0])(past)
    torch.testing.assert_close(mapped, z)


def test_statistics_are_constants_to_the_gradient():
    past = torch.randn(1, 9, 1, dtype=torch.float64, requires_grad=True)
    z, stats = DifferenceScale(1).normalize(past)
    (gradient,) = torch.autograd.grad(z.sum(), past)
    torch.testing.assert_close(gradient, (1 / stats.scale).expand_as(past))


def test_options_are_shown_and_checked():
    assert repr(DifferenceScale(2, rows=12)) == (
        "DifferenceScale(2, rows=12, deviation_share=0.02)"
    )
    with pytest.raises(ValueError, match="DifferenceScale needs rows >= 2, a step, but got 1"):
        DifferenceScale(2, rows=1)
    for share in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"a finite deviation_share >= 0 but got {share}"):
            DifferenceScale(2, deviation_share=share)
