"""The simple forecasts among which the network chooses at every step."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from revin_forecast.pretrained.discounted_regressions import RATES, WINDOW, Regressions
from revin_forecast.pretrained.gaps import Extent, Values

DAMPING = 0.9
"""Damping of the damped trends."""
WEEKLY_SEASONS = (24, 48, 96)
"""Seasons of a day, seven of which are a week."""
CYCLES = 3
"""Last seasons whose values at the step's phase the network sees."""
FORECASTS = 3 * len(RATES) + 9
"""Number of simple forecasts."""

Steps = Int[Tensor, " steps"]


def gather_cycles(values: Values, extent: Extent, season: int, steps: Steps) -> Tensor:
    """Return the values at the phase of each step in the last three seasons, (series, steps, 3).

    Where a series does not reach back to a season, it has the value of the next one, and where it
    reaches back to none, the last row's.
    """
    rows = values.shape[1]
    latest = values[:, -1:].expand(-1, steps.shape[0])
    found: list[Tensor] = []
    for cycle in range(1, CYCLES + 1):
        row = rows - cycle * season + (steps - 1) % season
        reached = (rows - row) <= extent.length.unsqueeze(1)
        latest = torch.where(reached, values[:, row], latest)
        found.append(latest)
    return torch.stack(found, dim=2)


class Memory(NamedTuple):
    """Drift, mean and first autocorrelations of the last rows, each (series, 1)."""

    drift: Values
    """Mean change per step."""
    mean: Values
    persistence: Values
    """First autocorrelation of the rows, from 0 to .99."""
    momentum: Values
    """First autocorrelation of the changes, from -.5 to .98."""


def measure_memory(values: Values, extent: Extent) -> Memory:
    """Measure the memory of the last 256 rows."""
    recent, valid = values[:, -WINDOW:], extent.valid[:, -WINDOW:].to(values)
    count = valid.sum(1, keepdim=True).clamp(min=1)
    pairs = valid[:, 1:] * valid[:, :-1]
    changes = (recent[:, 1:] - recent[:, :-1]) * pairs
    number = pairs.sum(1, keepdim=True).clamp(min=1)
    drift = changes.sum(1, keepdim=True) / number
    mean = (recent * valid).sum(1, keepdim=True) / count
    persistence = correlate_neighbours((recent - mean) * valid, 1).unsqueeze(1)
    momentum = correlate_neighbours((changes - drift) * pairs, 1).unsqueeze(1)
    return Memory(drift, mean, persistence.clamp(0.0, 0.99), momentum.clamp(-0.5, 0.98))


def make_simple_forecasts(
    values: Values,
    extent: Extent,
    season: int,
    steps: Steps,
    regressions: Regressions,
    memory: Memory,
) -> Float[Tensor, "series steps forecasts"]:
    """Return the simple forecasts of the rows without their season.

    These are the last value, discounted means, discounted lines and damped lines, the last slope,
    the drift, a return to the mean, a damped last slope (both by the first autocorrelation), and
    with the last seasons at the step's phase: the last one, their mean, the last one with the
    change between the last two seasons, and the one a week ago.

    Args:
        values: (series, rows) without season, on the common scale: the last row is near 0.
        extent: rows of each series.
        season: steps in a season; 1: none.
        steps: numbers of the steps to forecast, from 1.
        regressions: solutions for the same rows.
        memory: drift, mean and autocorrelations of the same rows.
    """
    horizon = steps.to(values)
    mean, level, slope = (part[:, 0] for part in regressions)
    damped = DAMPING * (1 - DAMPING**horizon) / (1 - DAMPING)
    last = values[:, -1:]
    ones = torch.ones_like(horizon)
    lines = level.unsqueeze(1) + slope.unsqueeze(1) * horizon.unsqueeze(1)
    damped_lines = (level.unsqueeze(1) + slope.unsqueeze(1) * damped.unsqueeze(1))[:, :, :-1]
    means = mean.unsqueeze(1) * ones.unsqueeze(1)
    cycles = gather_cycles(values, extent, season, steps)
    parts = [last * ones, *_continue_slopes(values, memory, horizon, damped)]
    parts += _follow_seasons(values, extent, season, steps, cycles)
    return torch.cat([means, lines, damped_lines, torch.stack(parts, dim=2)], dim=2)


def _continue_slopes(
    values: Values, memory: Memory, horizon: Tensor, damped: Tensor
) -> list[Tensor]:
    """Return the last slope, the drift, the return to the mean and the damped last slope."""
    drift, mean, persistence, momentum = memory
    last = values[:, -1:]
    last_change = last - values[:, -2:-1]
    kept = momentum * (1 - momentum**horizon) / (1 - momentum)
    return [
        last + last_change * horizon,
        last + last_change * damped,
        last + drift * horizon,
        mean + (last - mean) * persistence**horizon,
        last + drift * horizon + (last_change - drift) * kept,
    ]


def _follow_seasons(
    values: Values, extent: Extent, season: int, steps: Steps, cycles: Tensor
) -> list[Tensor]:
    """Return the forecasts from the last seasons: naive, mean, with their change, a week ago."""
    naive, average = cycles[:, :, 0], cycles.mean(2)
    change = values[:, -season:].mean(1) - values[:, -2 * season : -season].mean(1)
    has_season = (extent.length >= 2 * season) & (season > 1)
    turns = torch.div(steps - 1, season, rounding_mode="floor") + 1
    moved = naive + torch.where(has_season, change, 0).unsqueeze(1) * turns
    if season not in WEEKLY_SEASONS:
        return [naive, average, moved, naive]
    week = 7 * season
    row = values.shape[1] - week + (steps - 1) % week
    reached = (values.shape[1] - row) <= extent.length.unsqueeze(1)
    return [naive, average, moved, torch.where(reached, values[:, row], naive)]


def correlate_neighbours(deviations: Values, lag: int) -> Float[Tensor, " series"]:
    """Return the autocorrelation at a lag of deviations from their mean; 0 if all are 0.

    >>> correlate_neighbours(torch.tensor([[1.0, -1.0, 1.0, -1.0]]), 1)
    tensor([-0.7500])
    """
    variance = deviations.square().sum(1)
    lagged = functional.pad(deviations[:, :-lag], (lag, 0)) if lag < deviations.shape[1] else 0
    covariance = (deviations * lagged).sum(1)
    return covariance / torch.where(variance > 0, variance, 1)
