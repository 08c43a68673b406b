"""Quantiles from any backbone: it forecasts a level after the other, and none can cross."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.errors import InputError
from revin_forecast.normalizers.base import Normalizer

QUANTILE_TOLERANCE = 1e-9
"""Levels that are nearer than this to each other are one."""


def normal_quantile_gaps(levels: Sequence[float]) -> Tensor:
    """Return how far the standard normal's quantiles lie apart: one number less than levels.

    >>> level_gaps([0.1, 0.5, 0.9])
    tensor([1.2816, 1.2816])
    """
    places = [NormalDist().inv_cdf(level) for level in levels]
    return torch.tensor([high - low for low, high in pairwise(places)])


def monotone_quantiles(future: Tensor, gaps: Tensor) -> Tensor:
    """Turn what a backbone with a widened horizon forecasts into quantiles.

    Its horizon holds one after another what it says of each level. The middle one is the median;
    the others are distances from their neighbour on the way there: d = g softplus(s) / log 2, with
    g of the standard normal, so that s = 0 says N(median, 1). Sums of what is not negative never
    cross. Incremental quantile functions: Park et al., AISTATS 2022.

    Args:
        future: (batch, levels * horizon, targets).
        gaps: `level_gaps` of them.

    Returns:
        (batch, horizon, targets, levels), ascending; in float32 at least.

    >>> ascending(torch.tensor([[[0.0], [5.0], [0.0]]]), level_gaps([0.1, 0.5, 0.9]))
    tensor([[[[3.7184, 5.0000, 6.2816]]]])
    """
    count = len(gaps) + 1
    future = future.to(torch.promote_types(future.dtype, torch.float32))
    parts = future.unflatten(1, (count, -1)).movedim(1, -1)
    below, median, above = parts.split([count // 2, 1, count // 2], dim=-1)
    lower, upper = (gaps / math.log(2)).to(parts.dtype).split(count // 2)
    # From the median outwards on either side.
    down = (functional.softplus(below) * lower).flip(-1).cumsum(-1).flip(-1)
    up = (functional.softplus(above) * upper).cumsum(-1)
    return torch.cat([median - down, median, median + up], dim=-1)


def tile_known(known: Tensor, lookback: int, times: int) -> Tensor:
    """Return known inputs for a widened horizon: those of the horizon, once a level.

    >>> repeated(torch.tensor([[[1.0], [2.0], [3.0]]]), lookback=1, times=2).flatten()
    tensor([1., 2., 3., 2., 3.])
    """
    return torch.cat([known[:, :lookback], known[:, lookback:].repeat(1, times, 1)], dim=1)


def select_median(values: Tensor) -> Tensor:
    """Return the middle of the levels on the last axis."""
    return values[..., values.shape[-1] // 2]


def find_quantile_indices(trained: Sequence[float], requested: Sequence[float]) -> list[int]:
    """Return the columns where some levels stand among those that a model was trained on.

    Raises:
        InputError: one isn't among them.

    >>> level_columns([0.05, 0.1, 0.5, 0.9, 0.95], [0.1, 0.9])
    [1, 3]
    """
    columns = []
    for level in requested:
        near = min(range(len(trained)), key=lambda column: abs(trained[column] - level))
        if abs(trained[near] - level) > QUANTILE_TOLERANCE:
            intervals = [
                f"{200 * high - 100:g}" for high in trained if high > 0.5 + QUANTILE_TOLERANCE
            ]
            low, high = sorted((level, 1 - level))
            raise InputError(
                f"this model was trained on the quantiles {list(trained)}, and {level:g} is none "
                f"of them. Its intervals are --level {' '.join(intervals) or '(none)'}; for others "
                f"fit with --loss quantile --training.levels '[{low:g},0.5,{high:g}]'."
            )
        columns.append(near)
    return columns


def predict_quantiles(
    model: nn.Module, past: Tensor, levels: Sequence[float], known: Tensor | None = None
) -> Tensor | None:
    """Return a quantile model's columns for some levels; None for a model of points.

    Args:
        model: any; a `Reversible` with levels has quantiles.
        past: (batch, lookback, channels), NaN where unobserved.
        levels: between 0 and 1.
        known: (batch, lookback + horizon, covariates), for a model that takes known inputs.

    Returns:
        (batch, horizon, targets, levels), in the order asked for.

    Raises:
        InputError: the model was trained on other levels.
    """
    trained = getattr(model, "levels", ())
    if not trained:
        return None
    columns = find_quantile_indices(trained, levels)
    return model.quantiles(past, known=known)[..., columns]  # pyright: ignore[reportCallIssue]


def check_supports_quantiles(
    normalizer: Normalizer, lookback: int, horizon: int, levels: int
) -> None:
    """Refuse a normalizer that can't map quantiles back, before anything is trained.

    Raises:
        InputError: it says so itself, or hands back something else.
    """
    targets = len(normalizer.targets or range(normalizer.channels))
    rows = torch.arange(float(lookback)).unsqueeze(1).expand(-1, normalizer.channels)
    spread = torch.arange(float(levels)).expand(1, horizon, targets, -1)
    try:
        with torch.no_grad():
            _, stats = normalizer.normalize(rows.unsqueeze(0))
            back = normalizer.denormalize(spread, stats, "quantile")
        problem = None if back.shape == spread.shape else f"it returned {tuple(back.shape)}"
        if problem is None and not (back.diff(dim=-1) >= 0).all():
            problem = "ascending quantiles came back in another order"
    except (ValueError, TypeError, RuntimeError, NotImplementedError) as error:
        problem = str(error)
    if problem is not None:
        raise InputError(
            f"{type(normalizer).__name__} can't map quantiles back, which loss quantile needs: "
            f"{problem}. Choose another normalizer (RevIN, LastValue), or another loss: conformal "
            "intervals need no quantiles."
        )
