"""Normal equations of series with gaps, summed over blocks of windows."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from revin_forecast.closed_form.level_column import centre_equations
from revin_forecast.closed_form.normal_equations import NormalEquations
from revin_forecast.closed_form.window_sums import gap_free_equations
from revin_forecast.normalizers import LocationScaleNormalizer

MAX_BLOCK_VALUES = 2**23
"""Values in a block of windows and in a group of Gram matrices: 64 MiB of float64 each."""


def window_stride(rows: int, channels: int, width: int, max_windows: int | None) -> int:
    """Return the smallest stride with at most `max_windows` windows, or one window per channel."""
    positions = rows - width + 1
    if max_windows is None:
        return 1
    return min(positions, math.ceil(positions * channels / max_windows))


def has_all_targets(values: Tensor, lookback: int) -> bool:
    """Return whether every window has all of its targets and at least one input."""
    has_inputs = values[:lookback].isfinite().any(dim=0).all()
    return bool(has_inputs & values[lookback:].isfinite().all())


def shared_equations(
    values: Tensor,
    normalizer: LocationScaleNormalizer,
    lookback: int,
    horizon: int,
    stride: int = 1,
    gap_free_only: bool = False,
    keep_level: bool = False,
) -> NormalEquations:
    """Return the normal equations of all windows without a missing target.

    All steps of the horizon share these windows, and therefore one Gram matrix.

    Args:
        values: (time, channels) float64; NaN is unobserved.
        normalizer: gives each window's location; in float64, with the same number of channels.
        lookback: steps in the input window.
        horizon: steps to forecast.
        stride: rows between the starts of consecutive windows; the last window is always included.
        gap_free_only: whether to leave out windows with a missing input, too.
        keep_level: whether the location is the first input.
    """
    total = no_equations(values, lookback + keep_level, horizon)
    blocks = iter_window_blocks(
        values, normalizer, lookback, horizon, stride, keep_level=keep_level
    )
    for block in blocks:
        used = block.target_observed.all(dim=1)
        if gap_free_only:
            used &= block.observed.all(dim=1)
        total += NormalEquations.from_windows(block.past[used], block.targets[used])
    return total


def equations_with_gaps(
    values: Tensor,
    normalizer: LocationScaleNormalizer,
    lookback: int,
    horizon: int,
    stride: int = 1,
    keep_level: bool = False,
) -> Iterator[NormalEquations]:
    """Yield the normal equations of each step of the horizon, for series with gaps.

    An unobserved input takes the window's location, as it does in forecasts. An unobserved target
    removes its window from the sums of that step only, so each step has a separate Gram matrix:
    that of all windows minus that of the windows without the step. If the location is a fixed mean
    of the window, all windows without a gap take the fast path together.

    Args:
        values: (time, channels) float64; NaN is unobserved.
        normalizer: gives each window's location; in float64, with the same number of channels.
        lookback: steps in the input window.
        horizon: steps to forecast.
        stride: rows between the starts of consecutive windows; the last window is always included.
        keep_level: whether the location is the first input.
    """
    weights = normalizer.location_weights(lookback) if stride == 1 else None
    is_gap_free_done = weights is not None
    columns = lookback + keep_level
    if weights is not None:
        total = centre_equations(gap_free_equations(values, lookback, horizon), weights, keep_level)
    else:
        total = no_equations(values, columns, horizon)
    all_inputs, all_sums = total.gram.clone(), total.input_sums.clone()
    # Steps are grouped to bound memory: each has a Gram matrix of missing windows.
    group = max(1, min(horizon, MAX_BLOCK_VALUES // lookback**2))
    for first in range(0, horizon, group):
        steps = range(first, min(first + group, horizon))
        missing_grams = values.new_zeros(len(steps), columns, columns)
        missing_sums = values.new_zeros(len(steps), columns)
        cross = total.cross[first : steps.stop].clone()
        squares, sums = (
            total.target_squares[first : steps.stop].clone(),
            total.target_sums[first : steps.stop].clone(),
        )
        counts = [total.count] * len(steps)
        for block in iter_window_blocks(
            values, normalizer, lookback, horizon, stride, is_gap_free_done, keep_level
        ):
            past, future = block.past, block.targets
            if first == 0:  # the sums over inputs are the same for every group of steps
                all_inputs += past.mT @ past
                all_sums += past.sum(dim=0)
            targets = future[:, first : first + len(steps)]
            cross += targets.mT @ past
            squares += targets.square().sum(dim=0)
            sums += targets.sum(dim=0)
            for index, step in enumerate(steps):
                missing = past[~block.target_observed[:, step]]
                missing_grams[index] += missing.mT @ missing
                missing_sums[index] += missing.sum(dim=0)
                counts[index] += len(past) - len(missing)
        for index, count in enumerate(counts):
            yield NormalEquations(
                gram=all_inputs - missing_grams[index],
                cross=cross[index : index + 1],
                target_squares=squares[index : index + 1],
                input_sums=all_sums - missing_sums[index],
                target_sums=sums[index : index + 1],
                count=count,
            )


class WindowBlock(NamedTuple):
    """Windows, one per row: inputs and targets minus the location, 0 where unobserved."""

    past: Tensor
    """(windows, lookback), or (windows, 1 + lookback) with the location as the first input."""
    observed: Tensor
    """(windows, lookback): whether the input is observed."""
    targets: Tensor
    """(windows, horizon)."""
    target_observed: Tensor
    """(windows, horizon): whether the target is observed and the window has a location."""

    def select_gappy(self) -> "WindowBlock":
        """Return the windows with a gap."""
        is_gappy = ~(self.observed.all(dim=1) & self.target_observed.all(dim=1))
        return WindowBlock(*(part[is_gappy] for part in self))


def iter_window_blocks(
    values: Tensor,
    normalizer: LocationScaleNormalizer,
    lookback: int,
    horizon: int,
    stride: int = 1,
    gappy_only: bool = False,
    keep_level: bool = False,
) -> Iterator[WindowBlock]:
    """Yield the windows of all series, in blocks that fit into memory.

    Args:
        values: (time, channels) float64; NaN is unobserved.
        normalizer: gives each window's location; in float64, with the same number of channels.
        lookback: steps in the input window.
        horizon: steps to forecast.
        stride: rows between the starts of consecutive windows; the last window is always included.
        gappy_only: whether to leave out windows without a gap.
        keep_level: whether the location is the first input.
    """
    windows = values.unfold(0, lookback + horizon, 1).mT
    # Counted from the end: the last window holds the most recent rows.
    starts = torch.arange((len(windows) - 1) % stride, len(windows), stride)
    if gappy_only:
        is_gappy_row = (~values.isfinite()).any(dim=1)
        starts = starts[is_gappy_row.unfold(0, lookback + horizon, 1).any(dim=1)[starts]]
    size = max(1, MAX_BLOCK_VALUES // windows[0].numel())
    for block_starts in starts.split(size) if len(starts) else ():
        block = windows[block_starts]
        past, future = block[:, :lookback], block[:, lookback:]
        observed, target_observed = past.isfinite(), future.isfinite()
        stats = normalizer.statistics(past, observed)
        # A window without observed inputs has no location, so its targets carry no information.
        target_observed = target_observed & observed.any(dim=1, keepdim=True)
        inputs = torch.where(observed, stats.centre(past), 0)
        if keep_level:
            inputs = torch.cat([stats.location, inputs], dim=1)
        targets = torch.where(target_observed, stats.centre(future), 0)
        parts = (inputs, observed, targets, target_observed)
        window_block = WindowBlock(*(_flatten_channels(part) for part in parts))
        # A row with a gap in one channel leaves the other channels' windows without one.
        yield window_block.select_gappy() if gappy_only else window_block


def _flatten_channels(block: Tensor) -> Tensor:
    """Return (windows, steps, channels) as (windows * channels, steps)."""
    return block.transpose(1, 2).flatten(0, 1)


def no_equations(values: Tensor, lookback: int, horizon: int) -> NormalEquations:
    """Return the normal equations of no window."""
    return NormalEquations.from_windows(values.new_zeros(0, lookback), values.new_zeros(0, horizon))
