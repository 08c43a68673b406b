"""The linear path of the level: its reading of a window and its effect on each step."""

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor

HEAD_PENALTY = 1e-3
"""Ridge penalty of `solve_level_head`, relative to the mean eigenvalue of the Gram matrix."""

MAX_WINDOWS = 60_000
"""Windows of all channels that `sum_level_windows` visits, evenly spaced."""

MAX_PRODUCTS = 10**10
"""Products in the sums over these windows. Longer windows are fewer: half a second on one core."""

MAX_BLOCK_VALUES = 2**22
"""Values in a block of windows: 32 MiB of float64."""

# torch does not annotate this function.
_solve = cast(Callable[..., Tensor], torch.linalg.solve)  # pyright: ignore[reportUnknownMemberType]


class LevelHead(NamedTuple):
    """An additive forecast of step k: slope[k] * (reading of the window - centre)."""

    reading_weights: Tensor
    """(lookback,), sum 1: the reading is their product with the window."""
    slopes: Tensor
    """(horizon,), from -1 to 0: -1 replaces the level by the centre, 0 keeps it."""


class LevelSums(NamedTuple):
    """Sums over windows: m is the level minus the centre, u = x - level, r = y - level."""

    gram: Tensor
    """(lookback, lookback): sum of u u'."""
    cross: Tensor
    """(horizon, lookback): sum of r u'."""
    level_squares: Tensor
    """Sum of m^2, a scalar."""
    level_inputs: Tensor
    """(lookback,): sum of m u."""
    level_targets: Tensor
    """(horizon,): sum of m r."""


def fit_level_head(values: Tensor, lookback: int, horizon: int) -> LevelHead:
    """Return the head that all channels share, from windows of all channels.

    Args:
        values: (time, channels) float64, minus the centre; NaN is unobserved.
        lookback: steps of the look-back window.
        horizon: steps to forecast.
    """
    sums = sum_level_windows(values, lookback, horizon)
    mean_eigenvalue = sums.gram.diagonal().mean().clamp(min=1e-30)  # constant windows give 0
    ridge = sums.gram + HEAD_PENALTY * mean_eigenvalue * torch.eye(lookback, dtype=values.dtype)
    products = torch.cat([sums.cross, sums.level_inputs.unsqueeze(0)])
    maps = _solve(ridge, products.mT).mT
    return build_level_head(sums, maps[:-1], maps[-1])


def build_level_head(sums: LevelSums, weight: Tensor, level_map: Tensor) -> LevelHead:
    """Return the head that completes RevIN's ridge map to the map with the level as a column.

    The regression of r on u, with a penalty, and on m, without one, is W u + b (m - g u) for the
    ridge maps W of r on u and g of m on u with the same penalty (Frisch & Waugh, Econometrica 1,
    1933): b = sum m (r - W u) / sum m (m - g u). Slopes outside [-1, 0] are moved to its ends: a
    level neither runs away from its mean nor jumps past it.

    Args:
        sums: sums over the training windows.
        weight: W (horizon, lookback).
        level_map: g (lookback,).
    """
    unexplained = sums.level_squares - level_map @ sums.level_inputs
    effect = sums.level_targets - weight @ sums.level_inputs
    slopes = torch.where(unexplained > 0, effect / unexplained, 0).clamp(-1, 0)
    # u sums to 0 over a window, so a constant can be added: the weights sum to 1.
    return LevelHead(level_map.mean() - level_map + 1 / len(level_map), slopes)


def sum_level_windows(values: Tensor, lookback: int, horizon: int) -> LevelSums:
    """Return the sums over evenly spaced windows of all channels; see `choose_windows`.

    Unobserved inputs count as the level. Sums over observed targets are scaled up to all windows
    (available-case analysis); windows without an observed input are left out.

    Args:
        values: (time, channels) float64, minus the centre; NaN and infinities are unobserved.
        lookback: steps of the look-back window.
        horizon: steps to forecast.
    """
    windows = values.unfold(0, lookback + horizon, 1)
    starts, channels = choose_windows(len(windows), values.shape[1], lookback, horizon)
    size = max(1, MAX_BLOCK_VALUES // (lookback + horizon))
    gram, cross, level_squares, level_inputs, level_targets = (
        values.new_zeros(shape)
        for shape in ((lookback, lookback), (horizon, lookback), (), lookback, horizon)
    )
    windows_used, targets_used = 0, values.new_zeros(horizon)
    for first in range(0, len(starts), size):
        block = windows[starts[first : first + size], channels[first : first + size]]
        level = block[:, :lookback].mean(dim=1, keepdim=True)
        if not block.sum().isfinite():
            observed = block.isfinite()
            observed &= observed[:, :lookback].any(dim=1, keepdim=True)
            past = torch.where(observed, block, 0)[:, :lookback]
            count = observed[:, :lookback].sum(dim=1, keepdim=True)
            level = past.sum(dim=1, keepdim=True) / count.clamp(min=1)
            block = torch.where(observed, block, level)
            windows_used += int((count > 0).sum())
            targets_used += observed[:, lookback:].sum(dim=0)
        else:
            windows_used += len(block)
            targets_used += len(block)
        block -= level
        inputs, targets, level = block[:, :lookback], block[:, lookback:], level[:, 0]
        gram += inputs.mT @ inputs
        cross += targets.mT @ inputs
        level_squares += level @ level
        level_inputs += level @ inputs
        level_targets += level @ targets
    weights = windows_used / targets_used.clamp(min=1)
    return LevelSums(
        gram, cross * weights.unsqueeze(1), level_squares, level_inputs, level_targets * weights
    )


def choose_windows(
    windows: int, channels: int, lookback: int, horizon: int
) -> tuple[Tensor, Tensor]:
    """Return first row and channel of evenly spaced windows, by `MAX_WINDOWS` and `MAX_PRODUCTS`.

    Args:
        windows: windows of each channel.
        channels: number of channels.
        lookback: steps of the look-back window.
        horizon: steps to forecast.
    """
    stride = max(1, -(-windows * channels // MAX_WINDOWS))
    # Counted from the end: the last window holds the most recent rows.
    starts = torch.arange((windows - 1) % stride, windows, stride)
    # If that is too much, each start takes other channels, so that all rows and channels count.
    products = len(starts) * channels * lookback * (lookback + horizon)
    every = max(1, -(-products // MAX_PRODUCTS))
    turns = torch.arange(len(starts) - 1, -1, -1).unsqueeze(1) + torch.arange(channels)
    numbers, chosen = (turns % every == 0).nonzero(as_tuple=True)
    return starts[numbers], chosen
