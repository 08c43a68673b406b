"""Quantile forecasts from any backbone, which never cross."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.errors import InputError
from revin_forecast.normalizers.base import Normalizer
from revin_forecast.pretrained.quantile_levels import interpolate_levels
from revin_forecast.utils.shapes import Future, Known, Past

QUANTILE_TOLERANCE = 1e-9
"""Quantile levels closer than this are equal."""


def normal_quantile_gaps(levels: Sequence[float]) -> Tensor:
    """Return the gaps between neighbouring quantiles of the standard normal, (levels - 1,).

    >>> normal_quantile_gaps([0.1, 0.5, 0.9])
    tensor([1.2816, 1.2816])
    """
    quantiles = [NormalDist().inv_cdf(level) for level in levels]
    return torch.tensor([high - low for low, high in pairwise(quantiles)])


def monotone_quantiles(future: Tensor, gaps: Tensor) -> Tensor:
    """Convert the output of a backbone with a widened horizon to quantiles.

    The widened horizon holds one block of steps per level. The middle block is the median. Each
    other block s gives the distance to the next level in the direction of the median: d = g
    softplus(s) / log 2, with g the gap of the standard normal, so that s = 0 means N(median, 1).
    Distances are not negative, so the quantiles never cross. Incremental quantile functions: Park
    et al., AISTATS 2022.

    Args:
        future: (batch, levels * horizon, targets).
        gaps: `normal_quantile_gaps` of the levels.

    Returns:
        (batch, horizon, targets, levels), ascending; in float32 at least.

    >>> gaps = normal_quantile_gaps([0.1, 0.5, 0.9])
    >>> monotone_quantiles(torch.tensor([[[0.0], [5.0], [0.0]]]), gaps)
    tensor([[[[3.7184, 5.0000, 6.2816]]]])
    """
    count = len(gaps) + 1
    future = future.to(torch.promote_types(future.dtype, torch.float32))
    blocks = torch.unflatten(future, 1, (count, -1)).movedim(1, -1)
    below, median, above = torch.split(blocks, [count // 2, 1, count // 2], dim=-1)
    lower, upper = torch.split((gaps / math.log(2)).to(blocks.dtype), count // 2)
    # Distances are summed from the median outwards on either side.
    down = (functional.softplus(below) * lower).flip(-1).cumsum(-1).flip(-1)
    up = (functional.softplus(above) * upper).cumsum(-1)
    return torch.cat([median - down, median, median + up], dim=-1)


def tile_known(
    known: Known, lookback: int, times: int
) -> Float[Tensor, "batch widened_steps covariates"]:
    """Return known covariates for a widened horizon: those of the horizon, once per level.

    >>> tile_known(torch.tensor([[[1.0], [2.0], [3.0]]]), lookback=1, times=2).flatten()
    tensor([1., 2., 3., 2., 3.])
    """
    return torch.cat([known[:, :lookback], known[:, lookback:].repeat(1, times, 1)], dim=1)


def select_median(values: Tensor) -> Tensor:
    """Return the middle level of the last axis."""
    return values[..., values.shape[-1] // 2]


def find_quantile_indices(trained: Sequence[float], requested: Sequence[float]) -> list[int]:
    """Return the columns of the requested levels among those that a model was trained on.

    Raises:
        InputError: the model was not trained on a requested level.

    >>> find_quantile_indices([0.05, 0.1, 0.5, 0.9, 0.95], [0.1, 0.9])
    [1, 3]
    """
    columns: list[int] = []
    for level in requested:
        nearest = min(range(len(trained)), key=lambda column: abs(trained[column] - level))
        if abs(trained[nearest] - level) > QUANTILE_TOLERANCE:
            intervals = [
                f"{200 * high - 100:g}" for high in trained if high > 0.5 + QUANTILE_TOLERANCE
            ]
            low, high = sorted((level, 1 - level))
            raise InputError(
                f"this model was trained on the quantiles {list(trained)} but {level:g} was "
                f"requested. Its intervals are --level {' '.join(intervals) or '(none)'}; for "
                f"others fit with --loss quantile --training.levels '[{low:g},0.5,{high:g}]'."
            )
        columns.append(nearest)
    return columns


def predict_quantiles(
    model: nn.Module, past: Past, levels: Sequence[float], known: Known | None = None
) -> Future | None:
    """Return a model's quantiles at some levels; None for a model of points.

    A backbone whose `interpolates_levels` is True has quantiles at all levels, any other one only
    at those that it was trained on.

    Args:
        model: any module; a `Reversible` with levels has quantiles.
        past: (batch, lookback, channels), NaN where unobserved.
        levels: between 0 and 1.
        known: (batch, lookback + horizon, covariates), for a model with known covariates.

    Returns:
        (batch, horizon, targets, levels), in the requested order.

    Raises:
        InputError: the model was trained on other levels.
    """
    # By attribute, not by class: `Reversible` imports this module.
    trained: Sequence[float] = getattr(model, "levels", ())
    if not trained:
        return None
    interpolates = has_all_levels(model)
    columns = [] if interpolates else find_quantile_indices(trained, levels)
    quantiles: Future = cast(Any, model).quantiles(past, known=known)
    if interpolates:
        return quantiles @ interpolate_levels(trained, levels).to(quantiles)
    return quantiles[..., columns]


def has_all_levels(model: nn.Module) -> bool:
    """Return whether a model of quantiles has quantiles between and beyond its own levels."""
    while isinstance(inner := getattr(model, "backbone", None), nn.Module):
        model = inner
    return bool(getattr(model, "interpolates_levels", False))


def check_supports_quantiles(
    normalizer: Normalizer[Any], lookback: int, horizon: int, levels: int
) -> None:
    """Check that a normalizer can map quantiles back, before a model is trained.

    Raises:
        InputError: it raises an error, or returns values of another shape or order.
    """
    targets = len(normalizer.targets or range(normalizer.channels))
    # A window with spread and ascending values per channel suffice to see the order.
    rows = torch.arange(float(lookback)).unsqueeze(1).expand(-1, normalizer.channels)
    quantiles = torch.arange(float(levels)).expand(1, horizon, targets, -1)
    try:
        with torch.no_grad():
            _, stats = normalizer.normalize(rows.unsqueeze(0))
            restored = normalizer.denormalize(quantiles, stats, "quantile")
        problem = None
        if restored.shape != quantiles.shape:
            problem = f"it returned {tuple(restored.shape)}"
        elif not (restored.diff(dim=-1) >= 0).all():
            problem = "ascending quantiles came back in another order"
    except (ValueError, TypeError, RuntimeError, NotImplementedError) as error:
        problem = str(error)
    if problem is not None:
        raise InputError(
            f"{type(normalizer).__name__} can't map quantiles back, which loss quantile needs: "
            f"{problem}. Choose another normalizer (RevIN, LastValue), or another loss: conformal "
            "intervals need no quantiles."
        )
