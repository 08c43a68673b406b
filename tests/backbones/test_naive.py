"""Naive forecasts with drift, complete and over gaps."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast import Reversible, RevIN
from revin_forecast.backbones import Drift, SeasonalDrift, SeasonalNaive

close = torch.testing.assert_close


def window(*values):
    return torch.tensor(values, dtype=torch.float64).reshape(1, -1, 1)


def marks(text):
    """Return observed values of one window, a dot for each gap."""
    return torch.tensor([letter != "." for letter in text]).reshape(1, -1, 1)


def test_drift_is_the_line_through_both_ends():
    past = window(1, 8, 3, 7)
    assert Drift(4, 3, 1)(past).flatten().tolist() == [9, 11, 13]
    assert Drift(1, 2, 1)(window(5)).flatten().tolist() == [5, 5]


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        ("xxxx", [9, 11]),
        (".xxx", [6.5, 6]),  # 8 to 7 in two steps
        ("xxx.", [5, 6]),  # 1 to 3 in two steps, and the first forecast is two steps ahead of 3
        ("x..x", [9, 11]),
        ("..x.", [3, 3]),
        ("....", [0, 0]),
    ],
)
def test_drift_uses_the_observed_ends(observed, expected):
    forecast = Drift(4, 2, 1)(window(1, 8, 3, 7), marks(observed))
    assert forecast.flatten().tolist() == expected


@given(
    lookback=st.integers(1, 20),
    horizon=st.integers(1, 12),
    season=st.integers(1, 8),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_seasonal_drift_is_the_naive_forecast_and_the_mean_change(lookback, horizon, season, seed):
    past = torch.randn(2, lookback, 3, generator=torch.Generator().manual_seed(seed)).double()
    model = SeasonalDrift(lookback, horizon, 3, season=season)
    period = season if season <= lookback else 1
    naive = SeasonalNaive(lookback, horizon, 3, season=season)(past)
    changes = past[:, period:] - past[:, :-period]
    change = changes.mean(1, keepdim=True) if changes.shape[1] else torch.zeros(2, 1, 3).double()
    seasons = (torch.arange(horizon) // period + 1).reshape(1, -1, 1)
    close(model(past), naive + seasons * change)
    everywhere = torch.ones_like(past, dtype=torch.bool)
    close(model(past, everywhere), model(past), rtol=0, atol=0)


def test_seasonal_drift_without_a_season_is_drift_or_naive():
    past = torch.randn(2, 9, 3).double()
    observed = torch.rand(2, 9, 3) < 0.7
    close(SeasonalDrift(9, 4, 3, season=1)(past, observed), Drift(9, 4, 3)(past, observed))
    close(SeasonalDrift(9, 4, 3, season=10)(past, observed), Drift(9, 4, 3)(past, observed))
    close(SeasonalDrift(9, 4, 3)(past), SeasonalNaive(9, 4, 3)(past))


@pytest.mark.parametrize(
    "observed",
    ["xxxxxxxxxxx", "...xxxxxxxx", "xxxxxxx....", "x.xx.xxxx.x", "..xxxx.xx..", ".x.x..xxx.."],
)
def test_seasonal_drift_continues_growing_seasons_over_gaps(observed):
    time = torch.arange(20)
    series = torch.tensor([5.0, -1.0, 2.0]).double()[time % 3] + 4.0 * (time // 3)
    past = series[:11].reshape(1, 11, 1)
    gaps = torch.where(marks(observed), past, torch.nan).nan_to_num(nan=1e9)
    forecast = SeasonalDrift(11, 9, 1, season=3)(gaps, marks(observed))
    close(forecast.flatten(), series[11:])


def test_a_phase_without_a_value_is_on_the_line_through_both_ends():
    past, observed = window(1, 10, 3, 14, 5, 18), marks("x.x.x.")
    forecast = SeasonalDrift(6, 4, 1, season=2)(past, observed).flatten()
    assert forecast.tolist() == [7, 8, 9, 10]


@pytest.mark.parametrize("model", [Drift, SeasonalDrift])
def test_gaps_at_both_ends_in_a_normalizer(model):
    past = torch.arange(30.0).reshape(1, 30, 1) * 3 + 7
    past[:, :4] = torch.nan
    past[:, 25:] = torch.nan
    options = {"season": 5} if model is SeasonalDrift else {}
    forecast = Reversible(model(30, 6, 1, **options), RevIN(1))(past).flatten()
    close(forecast, torch.arange(30.0, 36) * 3 + 7)


@pytest.mark.usefixtures("plain_shapes")
def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"SeasonalDrift needs season >= 1 but got 0\."):
        SeasonalDrift(4, 1, 1, season=0)
    observed = torch.ones(2, 3, 1, dtype=torch.bool)
    for model in (Drift(4, 1, 1), SeasonalDrift(4, 1, 1)):
        with pytest.raises(ValueError, match=r"\(2, 4, 1\) but observed of \(2, 3, 1\)"):
            model(torch.zeros(2, 4, 1), observed)
