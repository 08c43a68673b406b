"""A Ridge solved from sums and later rows, against `fit_ridge` on all rows."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast.backbones import Ridge
from revin_forecast.closed_form import fit_ridge
from revin_forecast.closed_form.gap_free_windows import gap_free_share
from revin_forecast.closed_form.lag_sums import LagSums
from revin_forecast.closed_form.refit_ridge import refit_ridge
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import EMA, Identity, LastValue, RevIN, ShrunkLevel
from tests.support.closed_form import walk

LOOKBACK, HORIZON = 8, 3
WIDTH = LOOKBACK + HORIZON
NORMALIZERS = (RevIN, LastValue, Identity, partial(EMA, half_life=3.0))


def build_model(normalizer, per_channel=False, penalty=1e-3):
    """Return an unsolved Ridge of two channels, in float64."""
    ridge = Ridge(LOOKBACK, HORIZON, 2, per_channel, [penalty])
    return Reversible(ridge, normalizer(2)).double()


@settings(max_examples=30)
@given(
    normalizer=st.sampled_from(NORMALIZERS),
    per_channel=st.booleans(),
    split=st.integers(20, 79),
    gap=st.none() | st.integers(0, 30),
    seed=st.integers(0, 9),
)
def test_sums_and_later_rows_give_the_fit_on_all_rows(normalizer, per_channel, split, gap, seed):
    values = walk(80, 2, seed)
    if gap is not None:
        # Only after the rows that are summed.
        values[split + gap : split + gap + 2, 0] = math.nan
    expected = build_model(normalizer, per_channel)
    # As `fit_model` decides: a gap at the end only makes windows incomplete.
    is_gap_free = gap_free_share(values, WIDTH) == 1
    fit_ridge(expected, values, gaps="complete" if is_gap_free else "masked")
    model = build_model(normalizer, per_channel)
    sums = LagSums.from_values(values[:split], WIDTH)
    penalties = [1e-3] * (2 if per_channel else 1)
    refit_ridge(model, penalties, values[split - WIDTH + 1 :], sums)
    for name in ("weight", "bias"):
        got, wanted = getattr(model.backbone, name), getattr(expected.backbone, name)
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)


def test_each_channel_has_its_own_penalty():
    values = walk(80, 2)
    model = build_model(RevIN, per_channel=True)
    refit_ridge(model, [1e-3, 1.0], values)
    for channel, penalty in enumerate([1e-3, 1.0]):
        expected = build_model(RevIN, per_channel=True, penalty=penalty)
        fit_ridge(expected, values, gaps="complete")
        torch.testing.assert_close(
            model.backbone.weight[channel], expected.backbone.weight[channel]
        )


def test_rows_without_sums_are_solved_with_any_location():
    values = walk(80, 2)
    median = partial(RevIN, statistic="median")
    expected, model = build_model(median), build_model(median)
    fit_ridge(expected, values)
    refit_ridge(model, [1e-3], values)
    torch.testing.assert_close(model.backbone.weight, expected.backbone.weight)


@pytest.mark.parametrize("rows", [WIDTH - 1, WIDTH])
def test_few_later_rows_are_enough(rows):
    values = walk(60, 2)
    sums = LagSums.from_values(values[: 60 - rows + WIDTH - 1], WIDTH)
    model, expected = build_model(RevIN), build_model(RevIN)
    refit_ridge(model, [1e-3], values[-rows:], sums)
    fit_ridge(expected, values, gaps="complete")
    torch.testing.assert_close(
        model.backbone.weight, expected.backbone.weight, rtol=1e-9, atol=1e-9
    )


def test_a_shrunk_level_is_solved_again_with_its_head():
    values = walk(80, 2)
    expected, model = (
        Reversible(
            Ridge(LOOKBACK, HORIZON, 2, penalties=penalties), ShrunkLevel(2, LOOKBACK, HORIZON)
        )
        for penalties in ([1e-2], [1e-3, 1e-2])
    )
    for one in (expected, model):
        one.normalizer.initialize_from(values[:60], LOOKBACK)
        one.normalizer.shares.fill_(0.5)
    fit_ridge(expected, values, gaps="complete")
    refit_ridge(model, [1e-2], values)
    for name, wanted in expected.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], wanted)
    assert model.backbone.penalties == (1e-3, 1e-2)


def test_a_head_for_maps_of_several_penalties_needs_a_fit():
    ridge = Ridge(LOOKBACK, HORIZON, 2, per_channel=True)
    model = Reversible(ridge, ShrunkLevel(2, LOOKBACK, HORIZON))
    with pytest.raises(
        InputError, match=r"ShrunkLevel around maps .* \[0.1, 1.0\].*Call fit again"
    ):
        refit_ridge(model, [0.1, 1.0], walk(80, 2))
