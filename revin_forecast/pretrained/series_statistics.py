"""The inputs of the encoder: last rows, course, season and statistics of a series."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from revin_forecast.pretrained.discounted_regressions import WINDOW
from revin_forecast.pretrained.gaps import Extent, Values
from revin_forecast.pretrained.in_sample_errors import ERROR_STEPS, Errors
from revin_forecast.pretrained.roots import take_cube_root, take_root
from revin_forecast.pretrained.seasonal_index import SeasonalIndex
from revin_forecast.pretrained.simple_forecasts import FORECASTS, correlate_neighbours

LAST_ROWS = 48
"""Last rows that the network sees one by one."""
BINS = 24
"""Parts of the whole history, and of the season, that it sees as means."""
SLOPE_ROWS = (1, 2, 3, 6, 12, 24, 60)
"""Rows over which slopes are measured."""
LAST_CHANGES = 24
"""Last changes that the network sees one by one, relative to the last one."""
LAGS = (1, 2, 3, 4)
"""Lags of the autocorrelations of the rows and of their changes."""
LEAST_ERROR = 1e-3
"""Errors are seen as logarithms, from this share of the scale up."""

Features = Float[Tensor, "series features"]


def describe_series(
    values: Values,
    observed: Tensor,
    extent: Extent,
    seasonal: SeasonalIndex,
    errors: Errors,
) -> Features:
    """Return all inputs of the encoder.

    Args:
        values: (series, rows) without season and gaps, on the common scale.
        observed: True where measured.
        extent: rows of each series.
        seasonal: index and noise on the common scale.
        errors: errors of the simple forecasts in the same rows, as `log_error` gives them.
    """
    recent, valid = values[:, -WINDOW:], extent.valid[:, -WINDOW:].to(values)
    parts = [
        values[:, -LAST_ROWS:].asinh(),
        _average_history(values, extent).asinh(),
        _resample_season(seasonal.course).asinh(),
        _measure_size(values, observed, extent, seasonal),
        _measure_slopes(values, extent).asinh(),
        _measure_shape(recent, valid),
        _correlate(recent, valid, seasonal.course.shape[1]),
        _describe_changes(values, extent),
        errors.flatten(1),
    ]
    return torch.cat(parts, dim=1)


def count_features() -> int:
    """Return the number of inputs of the encoder."""
    statistics = 10 + len(SLOPE_ROWS) + 11 + 2 * len(LAGS) + 1
    return LAST_ROWS + 2 * BINS + statistics + LAST_CHANGES + 1 + len(ERROR_STEPS) * FORECASTS


def _average_history(values: Values, extent: Extent) -> Features:
    """Return the means of equal parts of the rows of each series, oldest first."""
    rows = values.shape[1]
    sums = functional.pad((values * extent.valid.to(values)).cumsum(1), (1, 0))
    parts = torch.arange(BINS + 1, device=values.device)
    count = extent.length.unsqueeze(1)
    edges = rows - count + torch.div(count * parts, BINS, rounding_mode="floor")
    totals = sums.gather(1, edges)
    width = (edges[:, 1:] - edges[:, :-1]).clamp(min=1).to(values)
    return (totals[:, 1:] - totals[:, :-1]) / width


def _resample_season(index: Tensor) -> Features:
    """Return the index at 24 places of the season, the coming phase first."""
    season = index.shape[1]
    phases = torch.arange(BINS, device=index.device) * season // BINS
    return index[:, phases] if season > 1 else index.expand(-1, BINS)


def _measure_size(
    values: Values, observed: Tensor, extent: Extent, seasonal: SeasonalIndex
) -> Features:
    """Return the number of rows, the gaps, and how strong the season is."""
    season = seasonal.course.shape[1]
    count = extent.length.to(values)
    has_season = (count >= 2 * season).to(values) if season > 1 else torch.zeros_like(count)
    length = torch.log(torch.full_like(count, float(season)))
    present = observed.to(values).sum(1) / count.clamp(min=1)
    strength = take_root(seasonal.course.square().mean(1))
    least = seasonal.course.amin(1) - seasonal.course[:, -1]
    size = [
        count.clamp(min=1).log() - 4,
        (count / season).clamp(0.1, 400.0).log() - 2,
        length - 2,
        has_season,
        1 - present,
        extent.end_gap.to(values).asinh(),
        seasonal.share,
        log_error(strength),
        log_error(seasonal.noise),
        least.asinh(),
    ]
    return torch.stack(size, dim=1)


def _measure_slopes(values: Values, extent: Extent) -> Features:
    """Return the mean change per step over the last rows, times the root of their number."""
    slopes: list[Tensor] = []
    for wanted in SLOPE_ROWS:
        reached = (extent.length - 1).clamp(min=1, max=wanted)
        row = values.shape[1] - 1 - reached
        change = values[:, -1] - values.gather(1, row.unsqueeze(1)).squeeze(1)
        slopes.append(change / reached.to(values).sqrt())
    return torch.stack(slopes, dim=1)


def _measure_shape(recent: Values, valid: Values) -> Features:
    """Return spread, range, tails, asymmetry and equal values of the rows and their changes."""
    count = valid.sum(1).clamp(min=1)
    mean = (recent * valid).sum(1) / count
    deviation = take_root(((recent - mean.unsqueeze(1)).square() * valid).sum(1) / count)
    # Rows before the first one count as the last row, which is 0.
    least, largest = recent.amin(1), recent.amax(1)
    width = torch.where(largest > least, largest - least, 1)
    pairs = valid[:, 1:] * valid[:, :-1]
    changes = (recent[:, 1:] - recent[:, :-1]) * pairs
    number = pairs.sum(1).clamp(min=1)
    size = changes.abs()
    latest = size[:, -10:].sum(1) / pairs[:, -10:].sum(1).clamp(min=1)
    earlier = size[:, :-10].sum(1) / pairs[:, :-10].sum(1).clamp(min=1)
    still = ((size <= 1e-6 * width.unsqueeze(1)).to(recent) * pairs).sum(1) / number
    floor = least.unsqueeze(1) + 1e-6 * width.unsqueeze(1)
    at_least = ((recent <= floor).to(recent) * valid).sum(1) / count
    cubes = changes.pow(3).sum(1) / number
    root = take_root(changes.square().sum(1) / number)
    shape = [
        log_error(deviation),
        log_error(width),
        (recent[:, -1] - least) / width,
        (recent[:, -1] - mean).asinh(),
        log_error(size.amax(1)),
        log_error(root),
        take_cube_root(cubes) / torch.where(root > 0, root, 1),
        log_error(latest),
        log_error(earlier),
        still,
        at_least,
    ]
    return torch.stack(shape, dim=1)


def _correlate(recent: Values, valid: Values, season: int) -> Features:
    """Return the autocorrelations of the rows and of their changes, and one at the season."""
    mean = (recent * valid).sum(1, keepdim=True) / valid.sum(1, keepdim=True).clamp(min=1)
    deviations = (recent - mean) * valid
    pairs = valid[:, 1:] * valid[:, :-1]
    changes = (recent[:, 1:] - recent[:, :-1]) * pairs
    drift = changes.sum(1, keepdim=True) / pairs.sum(1, keepdim=True).clamp(min=1)
    moves = (changes - drift) * pairs
    rows = [correlate_neighbours(deviations, lag) for lag in LAGS]
    moved = [correlate_neighbours(moves, lag) for lag in LAGS]
    seasonal = correlate_neighbours(deviations, season if season > 1 else WINDOW)
    return torch.stack([*rows, *moved, seasonal], dim=1)


def _describe_changes(values: Values, extent: Extent) -> Features:
    """Return the last changes less the last one, in units of their own mean change, and that unit.

    A smooth series differs from a straight line by much less than its mean change.
    """
    rows = extent.valid[:, -LAST_CHANGES - 2 :].to(values)
    changes = values[:, -LAST_CHANGES - 1 :] - values[:, -LAST_CHANGES - 2 : -1]
    changes = (changes - changes[:, -1:]) * rows[:, 1:] * rows[:, :-1]
    bends = (changes[:, 1:] - changes[:, :-1]).abs() * rows[:, 2:] * rows[:, 1:-1] * rows[:, :-2]
    unit = bends.sum(1, keepdim=True) / rows[:, 2:].sum(1, keepdim=True).clamp(min=1)
    relative = changes[:, :-1] / torch.where(unit > 0, unit, 1)
    return torch.cat([relative.asinh(), log_error(unit)], dim=1)


def log_error(error: Tensor) -> Tensor:
    """Return the logarithm of an error in units of the scale, of order 1."""
    return (error + LEAST_ERROR).log() / 2
