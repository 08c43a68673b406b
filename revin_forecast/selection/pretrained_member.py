"""The pretrained network as a member, together with the models that are fitted to each series."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from revin_forecast.models.intervals import QUANTILE_GRID
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import Identity
from revin_forecast.pretrained.network import LEVELS, MAX_SEASON
from revin_forecast.pretrained.quantile_levels import interpolate_levels
from revin_forecast.selection.local_models import (
    LocalCombination,
    LocalForecasts,
    SeriesBlock,
    compute_errors,
)
from revin_forecast.selection.member_weights import (
    MIN_WEIGHT,
    SHRINKAGE_WINDOWS,
    measure_log_ratio,
    shrink_log_ratios,
)

PRETRAINED = "Pretrained"
"""Name of the member."""
PRIOR_SHARE = 0.7
"""Share of the network before any error is known."""
SHARPNESS = 16.0
"""Power of its relative error in the share. A mean of members, to which it is compared, is better
than each, so the power is larger than that among the members."""
PRIOR_LOG_ODDS = math.log(PRIOR_SHARE / (1 - PRIOR_SHARE))
MIN_OBSERVED = 8
"""Fewest values that the network forecasts from."""
MAX_WINDOWS, MIN_ORIGINS = 320, 6
"""Most windows of a block that the network forecasts, but at least so many origins."""
MAX_BATCH_SERIES = 4096
"""Most windows at once."""


@dataclass(frozen=True, eq=False)
class NetworkForecasts:
    """The network's forecasts of a block of series."""

    member: LocalForecasts
    """Its medians."""
    distances: Float[Tensor, "grid horizon series"]
    """Distances of its quantiles at `QUANTILE_GRID` to its median, from the end of the series; NaN
    for a series with too few values."""


def add_network(block: SeriesBlock, combination: LocalCombination) -> LocalCombination:
    """Return a combination joined by the network.

    The network saw none of the series, so it has a share before any error is known. With n separate
    windows and g the mean log ratio of its error and that of the others' mean at the origins, the
    share has the log odds (n (-16 g) + 2 ln(prior / (1 - prior))) / (n + 2).

    Args:
        block: the series.
        combination: the other members with their weights.
    """
    network = forecast_with_network(block)
    errors = compute_errors(block, network.member.at_origins)
    ratio = measure_log_ratio(errors, combination.residuals)
    (shrunk,) = shrink_log_ratios(ratio.unsqueeze(0), block.window_count)
    prior = SHRINKAGE_WINDOWS / (block.window_count + SHRINKAGE_WINDOWS) * PRIOR_LOG_ODDS
    share = torch.sigmoid(prior - SHARPNESS * shrunk)
    share = share.where(network.member.final.isfinite().all(0), 0)
    share = share.where(share >= MIN_WEIGHT, 0)
    weights = torch.cat([(1 - share) * combination.weights, share.unsqueeze(0)])
    return replace(
        combination,
        members=(*combination.members, network.member),
        weights=weights,
        errors=torch.cat([combination.errors, errors.unsqueeze(0)]),
        distances=network.distances,
    )


def forecast_with_network(block: SeriesBlock) -> NetworkForecasts:
    """Forecast all series from the end and from some of the origins; NaN elsewhere.

    A season that the network does not know leaves it without forecasts.
    """
    values, horizon = block.values, block.horizon
    series = values.shape[1]
    quantiles = values.new_full((len(block.origins) + 1, horizon, series, len(LEVELS)), torch.nan)
    has_enough = bool((values.isfinite().sum(0) >= MIN_OBSERVED).any())
    if has_enough and block.season <= MAX_SEASON:
        indices = _choose_origins(len(block.origins), series)
        stops = [block.all_origins[index] for index in indices]
        made = torch.cat(list(_forecast_windows(block, stops)))
        count = torch.stack([values[:stop].isfinite().sum(0) for stop in stops])
        is_enough = (count >= MIN_OBSERVED)[:, None, :, None]
        quantiles[indices] = made.where(is_enough, torch.nan)
    middle = len(LEVELS) // 2
    medians = quantiles[..., middle]
    final = quantiles[-1].double()
    distances = (final - final[..., middle : middle + 1]) @ _to_grid()
    return NetworkForecasts(
        LocalForecasts(PRETRAINED, medians[:-1], medians[-1]), distances.movedim(-1, 0)
    )


def _choose_origins(count: int, series: int) -> list[int]:
    """Return the indices of evenly spaced origins, and last that of the end."""
    chosen = min(count, max(MIN_ORIGINS, MAX_WINDOWS // series))
    picks = np.linspace(0, count - 1, chosen).round().astype(int)
    return [*picks.tolist(), count]


@torch.inference_mode()
def _forecast_windows(block: SeriesBlock, stops: list[int]) -> Iterator[Tensor]:
    """Yield quantiles (windows, horizon, series, levels) of the rows before each stop."""
    # Read on use: a fit without the network needs no weights.
    from revin_forecast.backbones import Pretrained

    values, series = block.values, block.values.shape[1]
    observed = values.isfinite()
    is_positive = ((values > 0) | ~observed).all(0)
    widened = block.horizon * len(LEVELS)
    backbone = Pretrained(
        len(values), widened, series, block.season, bool(is_positive.any()), LEVELS
    )
    backbone.zero.copy_(torch.where(is_positive, 0.0, torch.nan))
    model = Reversible(backbone, Identity(series), levels=LEVELS).eval()
    size = max(1, MAX_BATCH_SERIES // series)
    for first in range(0, len(stops), size):
        windows = values.new_full((len(stops[first : first + size]), *values.shape), torch.nan)
        for window, stop in zip(windows, stops[first : first + size], strict=True):
            window[len(values) - stop :] = values[:stop]
        yield model.quantiles(windows)


def _to_grid() -> Float[Tensor, "levels grid"]:
    return interpolate_levels(LEVELS, QUANTILE_GRID.tolist()).double()
