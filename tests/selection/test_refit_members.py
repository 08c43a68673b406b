"""Maps of a table and of single series, solved again with the choices made for them."""

import math
from functools import partial

import pytest
import torch

from revin_forecast.backbones import Ridge
from revin_forecast.closed_form.lag_sums import LagSums
from revin_forecast.errors import InputError
from revin_forecast.models.ensemble import WeightedCombination
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import EMA
from revin_forecast.selection.candidates import NORMALIZERS
from revin_forecast.selection.changed_maps import solve_changes
from revin_forecast.selection.linear_maps import LinearMap
from revin_forecast.selection.refit_members import RefitSettings, refit_table_maps
from tests.support.closed_form import walk

HORIZON = 3


@pytest.mark.parametrize("centring", ["last", "mean", "none"])
@pytest.mark.parametrize("channels", [None, (1,)])
@pytest.mark.parametrize("has_gap", [False, True])
def test_sums_of_long_windows_serve_shorter_maps(centring, channels, has_gap):
    values = walk(300, 2)
    if has_gap:
        values[280, 1] = math.nan
    width = 20 + HORIZON
    sums = LagSums.from_values(values[:250], width)
    for lookback in (5, 12, 20):
        weight, bias = torch.zeros(HORIZON, lookback).double(), torch.zeros(HORIZON).double()
        chosen = LinearMap(weight, bias, 1e-2, centring, channels)
        got = chosen.refit(values[250 - width + 1 :], sums)
        for solved, wanted in zip(got, chosen.refit(values), strict=True):
            torch.testing.assert_close(solved, wanted, rtol=1e-9, atol=1e-9)


def test_each_map_keeps_its_own_penalty_and_unsolvable_ones_stay():
    values = walk(200, 2)
    members = [
        {
            "backbone": ModuleSpec.from_class(partial(Ridge, per_channel=per_channel)),
            "normalizer": NORMALIZERS["mean"],
            "lookback": lookback,
        }
        for per_channel, lookback in ((False, 9), (True, 5))
    ]
    combination = WeightedCombination(9, HORIZON, 2, members)
    penalties = torch.tensor([1e-2]).numpy(), torch.tensor([1.0, math.nan]).numpy()
    refit_table_maps(combination, RefitSettings(penalties), values)
    shared, own = (member.backbone.weight for member in combination.members)
    for weight, penalty, channels in ((shared, 1e-2, None), (own[0], 1.0, (0,))):
        chosen = LinearMap(weight, weight[:, 0], penalty, "mean", channels)
        torch.testing.assert_close(weight, chosen.refit(values)[0].float())
    assert not own[1].any()


def test_maps_inside_other_normalizers_are_refused():
    member = {
        "backbone": ModuleSpec.from_class(Ridge),
        "normalizer": ModuleSpec.from_class(EMA),
        "lookback": 6,
    }
    combination = WeightedCombination(6, HORIZON, 2, [member])
    penalties = torch.tensor([1e-2]).numpy()
    with pytest.raises(InputError, match="a map inside EMA, but only .* Call fit again"):
        refit_table_maps(combination, RefitSettings((penalties,)), walk(100, 2))


def test_changes_of_a_shared_map_are_solved_again():
    values = walk(300, 40)
    member = {
        "backbone": ModuleSpec.from_class(partial(Ridge, per_channel=True)),
        "normalizer": NORMALIZERS["mean"],
        "lookback": 6,
    }
    combination = WeightedCombination(6, HORIZON, 40, [member])
    width = 9 + HORIZON
    sums = LagSums.from_values(values[:250], width)
    penalties = torch.tensor([1e-2, 1e-1]).double().numpy()
    refit_table_maps(combination, RefitSettings((penalties,)), values[250 - width + 1 :], sums)
    zeros = torch.zeros(HORIZON, 6).double(), torch.zeros(HORIZON).double()
    shared, _ = LinearMap(*zeros, 1e-2, "mean", None).refit(values)
    (expected,) = solve_changes(values, shared, "mean", [1e-1])
    torch.testing.assert_close(combination.members[0].backbone.weight, expected)
