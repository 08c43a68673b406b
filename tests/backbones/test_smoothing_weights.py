"""Likelihood weights against a computation in NumPy, series by series."""

import numpy as np
import pytest
import torch

from revin_forecast.backbones.ets import forecast_by_smoothing
from revin_forecast.backbones.smoothing_grid import (
    SmoothingGrid,
    find_begin,
    iterate_states,
    select_counted_rows,
)
from revin_forecast.backbones.smoothing_weights import estimate_noise, weigh_scores

HORIZON = 5
close = torch.testing.assert_close


def sample_values(rows=30):
    time = np.arange(rows)[:, None]
    noise = np.random.default_rng(0).normal(size=(rows, 3))
    return np.exp(0.05 * time * [1, 0.3, 0]) * (20 + 2 * np.sin(np.pi * time / 2) + noise)


def find_last_states(values, season):
    """Return the parameters, and the states, squares and counts at the end of all rows."""
    grid = SmoothingGrid.for_season(season)
    (states,) = iterate_states(torch.from_numpy(values), None, grid, [len(values)], HORIZON)
    return grid.rows, states


def average_in_numpy(values, season, has_logs):
    """Return forecasts (horizon, series) and the share of logarithms by the documented formulas."""
    series, scores, forecasts = values.shape[1], [], []
    whole = torch.from_numpy(values)
    counted = select_counted_rows(whole, None, find_begin(whole, None), season).numpy()
    for on_logs in (False, True) if has_logs else (False,):
        smoothed = np.log(values) if on_logs else values
        rows, states = find_last_states(smoothed, season)
        count = states.count.numpy()
        for index, (_, beta, phi, gamma, has_season) in enumerate(rows):
            parameters = 2 + 2 * (beta > 0) + (gamma > 0) + (season / 2 if has_season else 0)
            score = count * np.log(states.squares[index].numpy() / count) + 4 * parameters
            if on_logs:
                score += 2 * (counted * smoothed).sum(0) + 8 * (beta > 0 and phi == 1)
            forecast = np.empty((HORIZON, series))
            for step in range(HORIZON):
                damped = sum(phi ** (power + 1) for power in range(step + 1))
                forecast[step] = states.level[index] + damped * states.slope[index]
                if has_season:
                    forecast[step] += states.seasonal[step % season][index].numpy()
            scores.append(score)
            forecasts.append(np.exp(forecast) if on_logs else forecast)
    scores, forecasts = np.array(scores), np.array(forecasts)
    weights = np.exp(-(scores - scores.min(0)) / 4)
    weights /= weights.sum(0)
    weights[weights < 1e-4] = 0
    weights /= weights.sum(0)
    if not has_logs:
        return (weights[:, None] * forecasts).sum(0), np.zeros(series), weights.argmax(0)
    # The forecasts on logarithms are averaged there, and so have the weighted geometric mean.
    half = len(weights) // 2
    share = weights[half:].sum(0)
    inside = weights[half:] / np.where(share > 0, share, 1)
    on_logs = np.exp((inside[:, None] * np.log(forecasts[half:])).sum(0))
    plain = (weights[:half, None] * forecasts[:half]).sum(0)
    return plain + share * on_logs, share, weights.argmax(0)


@pytest.mark.parametrize("season", [1, 4])
@pytest.mark.parametrize("has_logs", [False, True])
def test_averages_are_those_of_the_formulas(season, has_logs):
    values = sample_values()
    expected, share, best = average_in_numpy(values, season, has_logs)
    zero = torch.zeros(3).double() if has_logs else None
    (forecast,) = forecast_by_smoothing(
        torch.from_numpy(values), None, season, HORIZON, [len(values)], zero
    )
    close(forecast.values, torch.from_numpy(expected), rtol=1e-9, atol=1e-9)
    close(forecast.log_share, torch.from_numpy(share), rtol=1e-9, atol=1e-9)
    assert forecast.best.tolist() == best.tolist()
    if has_logs:
        assert share.min() > 0.01
        assert share.max() <= 1


def test_a_season_needs_two_seasons_of_rows():
    values = torch.from_numpy(10 * np.sin(np.pi * np.arange(11) / 2)[:, None] + sample_values(11))
    short, long = forecast_by_smoothing(values, None, 4, HORIZON, [7, 11])
    count = len(SmoothingGrid.for_season(1).rows)
    assert (short.best < count).all()
    assert (long.best >= count).all()
    seasonal, plain = (
        forecast_by_smoothing(values[:7], None, season, HORIZON, [7])[0].values for season in (4, 1)
    )
    close(seasonal, plain)


def test_weights_sum_to_one_and_tiny_ones_are_dropped():
    weights = weigh_scores(torch.tensor([[0.0, 5.0], [4.0, torch.inf], [50.0, 5.0]]).double())
    close(weights.sum(0), torch.ones(2).double())
    assert weights[2, 0] == 0
    close(weights[0, 0] / weights[1, 0], torch.tensor(np.e).double())
    assert weights[:, 1].tolist() == [0.5, 0, 0.5]


def test_noise_is_relative_to_the_series():
    values = torch.from_numpy(sample_values())
    noise = estimate_noise(values, None, values.square())
    close(estimate_noise(1e9 * values, None, (1e9 * values).square()), 1e18 * noise)
    assert (noise < 1e-10 * values.var(0)).all()
    padded = torch.cat([torch.zeros_like(values), values])
    observed = (torch.arange(60) >= 30).unsqueeze(1).expand(-1, 3)
    close(estimate_noise(padded, observed, padded.square()), noise)
