"""Members of a block of series, their forecasts and their weights."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast.selection.expanding_origins import choose_origins
from revin_forecast.selection.local_models import (
    LAST_SEASON,
    LAST_VALUE,
    OWN_MAP,
    SHARED_MAP,
    SMOOTHING,
    LocalForecasts,
    SeriesBlock,
    combine_local_models,
)
from revin_forecast.selection.member_weights import SHARPNESS, SHRINKAGE_WINDOWS


def make_block(values, season=1, horizon=3, origins=None):
    values = torch.as_tensor(np.asarray(values), dtype=torch.float64)
    values = values.unsqueeze(1) if values.ndim == 1 else values
    origins = choose_origins(len(values), season) if origins is None else origins
    return SeriesBlock(values, horizon, season, tuple(origins), max(4, season + 1))


def walk(rows=60, series=4, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, series)).cumsum(0)


def get_weights(combination):
    names = [member.name for member in combination.members]
    return dict(zip(names, combination.weights, strict=True))


@settings(max_examples=30)
@given(
    seed=st.integers(0, 999),
    rows=st.integers(1, 40),
    series=st.integers(1, 5),
    season=st.sampled_from([1, 4, 12]),
    gaps=st.floats(0, 0.5),
)
def test_weights_sum_to_one_and_every_weighted_member_has_a_forecast(
    seed, rows, series, season, gaps
):
    random = np.random.default_rng(seed)
    values = walk(rows, series, seed) + (30 if seed % 2 else 0)
    values[random.random(values.shape) < gaps] = np.nan
    values[-1] = 1.0  # each series has a value
    latest = int(np.isfinite(values).argmax(0).max())
    origins = [latest + origin for origin in choose_origins(rows - latest, season)]
    combination = combine_local_models(make_block(values, season, 5, origins))
    weights = combination.weights
    torch.testing.assert_close(weights.sum(0), torch.ones(series).double())
    assert (weights >= 0).all()
    for member, weight in zip(combination.members, weights, strict=True):
        assert member.final[:, weight > 0].isfinite().all()
        if member.is_baseline:
            assert not weight.any()
    assert combination.members[0].at_origins.isfinite().all()
    assert combination.maps.isfinite().all()
    assert combination.residuals.shape == (max(1, len(origins)), 5, series)


def test_members_are_named_and_the_naive_forecast_is_only_compared():
    combination = combine_local_models(make_block(walk(), season=12))
    names = [member.name for member in combination.members]
    assert names == [SMOOTHING, OWN_MAP, SHARED_MAP, LAST_SEASON, LAST_VALUE]
    assert [member.is_baseline for member in combination.members] == [False] * 4 + [True]


def test_naive_members_repeat_what_was_observed():
    values = walk(50, 2)
    values[45:, 1] = np.nan
    block = make_block(values, season=4, horizon=6)
    combination = combine_local_models(block)
    members = {member.name: member for member in combination.members}
    for index, origin in enumerate(block.origins):
        season = np.resize(values[origin - 4 : origin, 0], 6)
        np.testing.assert_array_equal(members[LAST_SEASON].at_origins[index, :, 0], season)
        np.testing.assert_array_equal(
            members[LAST_VALUE].at_origins[index, :, 0], np.full(6, values[origin - 1, 0])
        )
    # Only observed values are compared, and only those that have come.
    errors = combination.errors[0]
    known = np.zeros((len(block.origins), 6, 2), dtype=bool)
    for index, origin in enumerate(block.origins):
        known[index, : 50 - origin] = np.isfinite(values[origin : origin + 6])
    np.testing.assert_array_equal(errors.isfinite(), known)


def test_forecasts_at_an_origin_do_not_depend_on_later_rows():
    values = walk(60, 3) + 20
    changed = values.copy()
    changed[40:] = 3 * changed[40:] + 7
    origins = [30, 36, 40]
    first, second = (
        combine_local_models(make_block(part, 4, 5, origins)) for part in (values, changed)
    )
    for before, after in zip(first.members, second.members, strict=True):
        if before.name in (OWN_MAP, SHARED_MAP):
            continue  # on logarithms where all rows suit these, and only then
        torch.testing.assert_close(before.at_origins, after.at_origins, equal_nan=True)


@pytest.mark.parametrize("rows", range(2, 13))
def test_not_even_in_a_few_rows(rows):
    values = walk(rows, 3) + 20
    changed = values.copy()
    changed[-1] += 100
    origins = choose_origins(rows, 1)
    first, second = (
        combine_local_models(make_block(part, 1, 2, origins)) for part in (values, changed)
    )
    torch.testing.assert_close(first.members[0].at_origins, second.members[0].at_origins)
    assert (first.members[0].final - second.members[0].final).abs().min() > 1


def test_a_perfect_series_is_continued_without_an_error():
    pattern = np.resize([1.0, 5.0, 2.0, 8.0], 62)
    values = np.column_stack([pattern, pattern * 1e6, np.full(62, 3.0), np.arange(62.0)])
    combination = combine_local_models(make_block(values[:-2], season=4, horizon=2))
    final = torch.stack([member.final.nan_to_num() for member in combination.members])
    forecast = (combination.weights[:, None] * final).sum(0)
    np.testing.assert_allclose(forecast, values[-2:], rtol=1e-6)
    assert combination.residuals[:-2].abs().amax((0, 1)).div(
        torch.tensor([8, 8e6, 3, 62])
    ).max() < (1e-6)


def make_competitor(block, scale, name="other"):
    """Return a member whose errors are those of smoothing times a scale."""
    smoothing = combine_local_models(block)
    padded = torch.cat([block.values, block.values.new_full((block.horizon, 1), torch.nan)])
    truth = torch.stack([padded[origin : origin + block.horizon] for origin in block.origins])
    forecasts = truth - scale * smoothing.errors[0]
    return LocalForecasts(name, forecasts, smoothing.members[0].final)


@pytest.mark.parametrize(("scale", "is_better"), [(0.5, True), (2.0, False)])
def test_one_window_decides_less_than_many(scale, is_better):
    shares = []
    for origins in ([57], range(20, 58)):
        block = make_block(walk(60, 1), horizon=3, origins=origins)
        weights = get_weights(combine_local_models(block, [make_competitor(block, scale)]))
        shares.append(float(weights["other"] / (weights["other"] + weights[SMOOTHING])))
    windows = 1
    expected = 1 / (
        1 + scale ** (SHARPNESS * windows / (windows + SHRINKAGE_WINDOWS))
    )  # but for the floor of the errors
    assert shares[0] == pytest.approx(expected, abs=0.05)
    assert (shares[1] > shares[0] > 0.5) if is_better else (shares[1] < shares[0] < 0.5)
    assert (shares[1] > 0.95) if is_better else (shares[1] < 0.05)


def test_like_series_inform_each_other():
    """A series whose windows favour the other member less gets more of it among those that do."""
    values = np.repeat(walk(60, 1), 12, axis=1)
    block = make_block(values, horizon=3, origins=[45, 51, 57])
    smoothing = combine_local_models(block)
    truth = torch.stack([block.values[origin : origin + 3] for origin in block.origins])
    scale = torch.full((12,), 0.5).double()
    scale[0] = 1.2
    other = LocalForecasts("other", truth - scale * smoothing.errors[0], smoothing.members[0].final)
    together = get_weights(combine_local_models(block, [other]))["other"]
    first = make_block(values[:, 0], horizon=3, origins=block.origins)
    own = LocalForecasts("other", other.at_origins[..., :1], other.final[:, :1])
    alone = get_weights(combine_local_models(first, [own]))["other"]
    assert together[0] > alone[0] + 0.05
    assert together[1] > together[0]


def test_a_member_without_a_forecast_or_an_error_gets_no_weight():
    block = make_block(walk(60, 2))
    shape = (len(block.origins), 3, 2)
    perfect = make_competitor(make_block(block.values[:, 0], origins=block.origins), 0.0)
    nothing = torch.full((3, 2), torch.nan).double()
    without_final = LocalForecasts("final", perfect.at_origins.expand(shape), nothing)
    without_errors = LocalForecasts(
        "errors", torch.full(shape, torch.nan).double(), torch.ones(3, 2).double()
    )
    weights = get_weights(combine_local_models(block, [without_final, without_errors]))
    assert not weights["final"].any()
    assert not weights["errors"].any()


def test_logarithms_are_for_positive_series_that_grow_in_proportion():
    time = np.arange(80)
    random = np.random.default_rng(0)
    growing = np.exp(0.05 * time + random.normal(0, 0.1, 80))
    negative = growing - growing.mean()
    combination = combine_local_models(make_block(np.column_stack([growing, negative])))
    assert combination.on_logs.tolist() == [True, False]
    assert combination.methods[0].endswith(" on log")
    assert not combination.methods[1].endswith(" on log")
    assert all(method.startswith("ETS(A,") for method in combination.methods)


def test_the_number_of_separate_windows():
    assert make_block(walk(60, 1), horizon=10, origins=[]).window_count == 1
    assert make_block(walk(60, 1), horizon=10, origins=[30]).window_count == 1
    assert make_block(walk(60, 1), horizon=10, origins=range(30, 51)).window_count == 3
    assert make_block(walk(60, 1), horizon=1, origins=[30, 50]).window_count == 2
