"""The pretrained network beside the models of single series."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from revin_forecast.models.intervals import QUANTILE_GRID
from revin_forecast.selection.expanding_origins import choose_origins
from revin_forecast.selection.local_models import LocalForecasts, SeriesBlock, combine_local_models
from revin_forecast.selection.pretrained_member import (
    MIN_OBSERVED,
    MIN_ORIGINS,
    PRETRAINED,
    PRIOR_SHARE,
    NetworkForecasts,
    add_network,
    forecast_with_network,
)

MODULE = "revin_forecast.selection.pretrained_member"


def make_block(rows=60, series=2, season=1, horizon=3, seed=0):
    values = np.random.default_rng(seed).normal(size=(rows, series)).cumsum(0) + 20
    origins = tuple(choose_origins(rows, season))
    return SeriesBlock(torch.from_numpy(values), horizon, season, origins, max(4, season + 1))


def test_forecasts_are_of_the_rows_before_each_origin():
    block = make_block(season=4)
    changed = replace(block, values=block.values.clone())
    changed.values[50:] *= 3
    first, second = map(forecast_with_network, (block, changed))
    before = [index for index, origin in enumerate(block.origins) if origin <= 50]
    later = [index for index, origin in enumerate(block.origins) if origin > 52]
    made, other = first.member.at_origins, second.member.at_origins
    torch.testing.assert_close(made[before], other[before], rtol=1e-4, atol=1e-4)
    assert (made[later] - other[later]).abs().min() > 0.1
    # The last origin is that of a series that ends there.
    ended = replace(block, values=block.values[: block.origins[-1]], origins=block.origins[:-1])
    final = forecast_with_network(ended).member.final
    torch.testing.assert_close(final, made[-1], rtol=1e-4, atol=1e-4)


def test_many_series_are_forecast_from_fewer_origins_and_from_their_end(monkeypatch):
    monkeypatch.setattr(f"{MODULE}.MAX_WINDOWS", 10)
    block = make_block(rows=40, series=5)
    network = forecast_with_network(block)
    is_known = network.member.at_origins.isfinite().all(1).all(1)
    assert int(is_known.sum()) == MIN_ORIGINS < len(block.origins)
    assert is_known[0]
    assert is_known[-1]
    assert network.member.final.isfinite().all()


def test_a_few_values_or_an_unknown_season_have_no_forecast():
    block = make_block(rows=20)
    block.values[: 21 - MIN_OBSERVED, 1] = torch.nan
    network = forecast_with_network(block)
    is_known = network.member.final.isfinite().all(0)
    assert is_known.tolist() == [True, False]
    assert network.distances.isfinite().all(0).all(0).tolist() == [True, False]
    combination = add_network(block, combine_local_models(block))
    assert combination.weights[-1, 1] == 0
    torch.testing.assert_close(combination.weights.sum(0), torch.ones(2).double())
    without = forecast_with_network(make_block(rows=20, season=400))
    assert not without.member.final.isfinite().any()


def test_distances_ascend_around_the_median():
    network = forecast_with_network(make_block())
    assert network.distances.shape == (len(QUANTILE_GRID), 3, 2)
    assert (network.distances.diff(dim=0) >= 0).all()
    assert not network.distances[len(QUANTILE_GRID) // 2].any()


@pytest.mark.parametrize(("scale", "is_better"), [(0.5, True), (2.0, False)])
def test_errors_move_the_share_away_from_the_prior(monkeypatch, scale, is_better):
    shares = []
    for stop in (58, 60):
        block = make_block(series=1, horizon=3)
        block = replace(block, origins=block.origins[-1:] if stop == 58 else block.origins)
        others = combine_local_models(block)
        padded = torch.cat([block.values, block.values.new_full((3, 1), torch.nan)])
        truth = torch.stack([padded[origin : origin + 3] for origin in block.origins])
        made = LocalForecasts(PRETRAINED, truth - scale * others.residuals, others.members[0].final)
        network = NetworkForecasts(made, torch.zeros(len(QUANTILE_GRID), 3, 1).double())
        monkeypatch.setattr(f"{MODULE}.forecast_with_network", lambda _, given=network: given)
        shares.append(float(add_network(block, others).weights[-1]))
    few, many = (share - PRIOR_SHARE if is_better else PRIOR_SHARE - share for share in shares)
    assert many > few > 0


def test_at_other_origins_the_error_is_that_of_the_other_members(monkeypatch):
    monkeypatch.setattr(f"{MODULE}.MAX_WINDOWS", 10)
    block = make_block(rows=40, series=5)
    others = combine_local_models(block)
    joined = add_network(block, others)
    is_known = joined.members[-1].at_origins.isfinite().all(1).all(1)
    torch.testing.assert_close(
        joined.residuals[~is_known], others.residuals[~is_known], equal_nan=True
    )
    share = joined.weights[-1]
    expected = share * joined.errors[-1] + (1 - share) * others.residuals
    torch.testing.assert_close(
        joined.residuals[is_known], expected[is_known], equal_nan=True, rtol=1e-6, atol=1e-6
    )
