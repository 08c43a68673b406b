"""Errors that the simple forecasts would have made at the last origins of a series itself."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from revin_forecast.pretrained.discounted_regressions import ORIGINS, Regressions
from revin_forecast.pretrained.gaps import Extent, Values
from revin_forecast.pretrained.simple_forecasts import (
    CYCLES,
    DAMPING,
    WEEKLY_SEASONS,
    Memory,
)

ERROR_STEPS = (1, 4, 12)
"""Steps ahead at which the simple forecasts are compared with the rows that followed."""
MIN_ORIGIN_ROWS = 2
"""Fewest rows up to an origin."""

Errors = Float[Tensor, "series error_steps forecasts"]


def measure_errors(
    values: Values, extent: Extent, season: int, regressions: Regressions, memory: Memory
) -> Errors:
    """Return the mean absolute error of each simple forecast at the last 64 origins.

    The order is that of `make_simple_forecasts`. Drift, mean and autocorrelations are those of all
    rows, and so is the seasonal index, so that the errors are a little too small. A step that a
    short series has no origin for has the error of the step before, grown with the root of time.

    Args:
        values: (series, rows) without season, on the common scale.
        extent: rows of each series.
        season: steps in a season; 1: none.
        regressions: solutions for the same rows.
        memory: drift, mean and autocorrelations of the same rows.
    """
    errors: list[Tensor] = []
    for step in ERROR_STEPS:
        forecasts = torch.cat(
            [
                _replay_lines(values, regressions, step),
                _replay_slopes(values, memory, step),
                _replay_seasons(values, extent, season, step),
            ],
            dim=2,
        )
        truth, _ = slice_rows(values, extent, 0, ORIGINS - step)
        ages = torch.arange(step, ORIGINS, device=values.device)
        used = (ages + MIN_ORIGIN_ROWS <= extent.length.unsqueeze(1)).to(values).unsqueeze(2)
        total = ((forecasts - truth.unsqueeze(2)).abs() * used).sum(1)
        number = used.sum(1)
        error = total / number.clamp(min=1)
        if errors:
            growth = (step / ERROR_STEPS[len(errors) - 1]) ** 0.5
            error = torch.where(number > 0, error, errors[-1] * growth)
        errors.append(error)
    return torch.stack(errors, dim=1)


def interpolate_errors(errors: Tensor, steps: Tensor) -> Float[Tensor, "series steps forecasts"]:
    """Return values at the steps of `ERROR_STEPS`, interpolated over the logarithm of the step."""
    known = torch.tensor(ERROR_STEPS, device=errors.device).to(errors).log()
    place = steps.to(errors).log().unsqueeze(1)
    # Share of the way from each known step to the next one.
    way = ((place - known[:-1]) / (known[1:] - known[:-1])).clamp(0, 1)
    return (functional.pad(way, (1, 0), value=1.0) - functional.pad(way, (0, 1))) @ errors


def slice_rows(
    values: Values, extent: Extent, age: int, count: int
) -> tuple[Float[Tensor, "series count"], Bool[Tensor, "series count"]]:
    """Return `count` rows from `age` rows before the last one back, and which of them exist."""
    rows = values.shape[1]
    missing = max(0, age + count - rows)
    padded = functional.pad(values, (missing, 0)) if missing else values
    stop = padded.shape[1] - age
    ages = torch.arange(age, age + count, device=values.device)
    return padded[:, stop - count : stop].flip(1), ages < extent.length.unsqueeze(1)


def _replay_lines(values: Values, regressions: Regressions, step: int) -> Tensor:
    """Return what means, lines and damped lines gave at each origin, for one step ahead."""
    mean, level, slope = (part[:, step:] for part in regressions)
    damped = DAMPING * (1 - DAMPING**step) / (1 - DAMPING)
    return torch.cat([mean, level + step * slope, (level + damped * slope)[:, :, :-1]], dim=2)


def _replay_slopes(values: Values, memory: Memory, step: int) -> Tensor:
    """Return the forecasts from the last value, slope, drift and memory at each origin."""
    recent = values[:, -ORIGINS - 1 :].flip(1)
    last, change = recent[:, step:-1], recent[:, step:-1] - recent[:, step + 1 :]
    damped = DAMPING * (1 - DAMPING**step) / (1 - DAMPING)
    kept = memory.momentum * (1 - memory.momentum**step) / (1 - memory.momentum)
    forecasts = [
        last,
        last + step * change,
        last + damped * change,
        last + step * memory.drift,
        memory.mean + (last - memory.mean) * memory.persistence**step,
        last + step * memory.drift + (change - memory.drift) * kept,
    ]
    return torch.stack(forecasts, dim=2)


def _replay_seasons(values: Values, extent: Extent, season: int, step: int) -> Tensor:
    """Return the forecasts from the last seasons for the rows that followed each origin."""
    count = ORIGINS - step
    turns = -(-step // season)
    latest, _ = slice_rows(values, extent, step, count)
    found: list[Tensor] = []
    for cycle in range(CYCLES):
        rows, exist = slice_rows(values, extent, season * (turns + cycle), count)
        latest = torch.where(exist, rows, latest)
        found.append(latest)
    naive = found[0]
    moved = naive + turns * _change_of_season(values, extent, season, step, count)
    week = naive
    if season in WEEKLY_SEASONS:
        rows, exist = slice_rows(values, extent, 7 * season * -(-step // (7 * season)), count)
        week = torch.where(exist, rows, naive)
    return torch.stack([naive, torch.stack(found).mean(0), moved, week], dim=2)


def _change_of_season(
    values: Values, extent: Extent, season: int, step: int, count: int
) -> Float[Tensor, "series origins"]:
    """Return the mean of the last season less that of the one before, at each origin."""
    if season == 1:
        return torch.zeros_like(values[:, :count])
    sums = functional.pad(values.cumsum(1), (1, 0))
    whole = Extent(extent.valid, extent.length + 1, extent.end_gap)
    ends, _ = slice_rows(sums, whole, step, count)
    middles, _ = slice_rows(sums, whole, step + season, count)
    begins, exist = slice_rows(sums, whole, step + 2 * season, count)
    return torch.where(exist, (ends - 2 * middles + begins) / season, 0)
