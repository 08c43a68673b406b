import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from revin_forecast.closed_form.normal_equations import NormalEquations
from revin_forecast.closed_form.window_sums import gap_free_equations
from revin_forecast.normalizers import LocationScaleNormalizer

MAX_BLOCK_VALUES = 2**23
"""Numbers in a block of windows and in a group of Gram matrices: 64 MiB each."""


def window_stride(rows: int, channels: int, width: int, max_windows: int | None) -> int:
    """Return how far apart windows begin so that there are no more, one a channel at least."""
    positions = rows - width + 1
    if max_windows is None:
        return 1
    return min(positions, math.ceil(positions * channels / max_windows))


def has_all_targets(values: Tensor, lookback: int) -> bool:
    """Return whether no window lacks a target, or all of its inputs."""
    begun = values[:lookback].isfinite().any(dim=0).all()
    return bool(begun & values[lookback:].isfinite().all())


def shared_equations(
    values: Tensor,
    normalizer: LocationScaleNormalizer,
    lookback: int,
    horizon: int,
    stride: int = 1,
    gap_free_only: bool = False,
) -> NormalEquations:
    """Return the normal equations that all steps share: of windows that lack no target.

    Args:
        values: (time, channels) float64; NaN is unobserved.
        normalizer: gives each window's location; in float64, with as many channels.
        lookback: steps seen.
        horizon: steps forecast.
        stride: rows from one window to the next; the last window is always one of them.
        gap_free_only: leave out windows that lack an input, too.
    """
    inputs = values.new_zeros(lookback, lookback)
    cross = values.new_zeros(horizon, lookback)
    input_sums = values.new_zeros(lookback)
    squares, target_sums = values.new_zeros(horizon), values.new_zeros(horizon)
    count = 0
    for block in iter_window_blocks(values, normalizer, lookback, horizon, stride):
        used = block.target_observed.all(dim=1)
        if gap_free_only:
            used &= block.observed.all(dim=1)
        past, targets = block.past[used], block.targets[used]
        inputs += past.mT @ past
        cross += targets.mT @ past
        input_sums += past.sum(dim=0)
        squares += targets.square().sum(dim=0)
        target_sums += targets.sum(dim=0)
        count += len(past)
    return NormalEquations(inputs, cross, squares, input_sums, target_sums, count)


def equations_with_gaps(
    values: Tensor,
    normalizer: LocationScaleNormalizer,
    lookback: int,
    horizon: int,
    stride: int = 1,
) -> Iterator[NormalEquations]:
    """Yield the normal equations of each step of the horizon, for series with gaps.

    An unobserved input stands at the window's location, where the normalizer puts it when it
    forecasts. An unobserved target takes its window out of that step's sums only, so each step
    has a Gram matrix of its own: the one of all windows less those that lack the step. Where the
    location is a fixed mean of the window, windows without a gap take the fast path together.

    Args:
        values: (time, channels) float64; NaN is unobserved.
        normalizer: gives each window's location; in float64, with as many channels.
        lookback: steps seen.
        horizon: steps forecast.
        stride: rows from one window to the next; the last window is always one of them.
    """
    weights = normalizer.location_weights(lookback) if stride == 1 else None
    apart = weights is not None
    if weights is not None:
        whole = gap_free_equations(values, lookback, horizon).centre(weights)
    else:
        whole = _zero_equations(values, lookback, horizon)
    all_inputs, all_sums = whole.gram.clone(), whole.input_sums.clone()
    group = max(1, min(horizon, MAX_BLOCK_VALUES // lookback**2))
    for first in range(0, horizon, group):
        steps = range(first, min(first + group, horizon))
        gaps = values.new_zeros(len(steps), lookback, lookback)
        gap_sums = values.new_zeros(len(steps), lookback)
        cross = whole.cross[first : steps.stop].clone()
        squares, sums = (
            whole.target_squares[first : steps.stop].clone(),
            whole.target_sums[first : steps.stop].clone(),
        )
        counts = [whole.count] * len(steps)
        for block in iter_window_blocks(values, normalizer, lookback, horizon, stride, apart):
            past, _, future, seen = block
            if first == 0:
                all_inputs += past.mT @ past
                all_sums += past.sum(dim=0)
            targets = future[:, first : first + len(steps)]
            cross += targets.mT @ past
            squares += targets.square().sum(dim=0)
            sums += targets.sum(dim=0)
            for place, step in enumerate(steps):
                lacking = past[~seen[:, step]]
                gaps[place] += lacking.mT @ lacking
                gap_sums[place] += lacking.sum(dim=0)
                counts[place] += len(past) - len(lacking)
        for i, count in enumerate(counts):
            yield NormalEquations(
                gram=all_inputs - gaps[i],
                cross=cross[i : i + 1],
                target_squares=squares[i : i + 1],
                input_sums=all_sums - gap_sums[i],
                target_sums=sums[i : i + 1],
                count=count,
            )


class WindowBlock(NamedTuple):
    """Windows, one a row: inputs and targets less location, 0 where unobserved."""

    past: Tensor
    observed: Tensor
    targets: Tensor
    target_observed: Tensor
    """Where targets are observed and the window has a location."""

    def select_gappy(self) -> "WindowBlock":
        """Return the windows that hold a gap."""
        used = ~(self.observed.all(dim=1) & self.target_observed.all(dim=1))
        return WindowBlock(*(part[used] for part in self))


def iter_window_blocks(
    values: Tensor,
    normalizer: LocationScaleNormalizer,
    lookback: int,
    horizon: int,
    stride: int = 1,
    gappy_only: bool = False,
) -> Iterator[WindowBlock]:
    """Yield the windows of all series, in blocks that fit into memory.

    Args:
        values: (time, channels) float64; NaN is unobserved.
        normalizer: gives each window's location; in float64, with as many channels.
        lookback: steps seen.
        horizon: steps forecast.
        stride: rows from one window to the next; the last window is always one of them.
        gappy_only: leave out windows without a gap.
    """
    windows = values.unfold(0, lookback + horizon, 1).mT
    places = torch.arange((len(windows) - 1) % stride, len(windows), stride)
    if gappy_only:
        rows = (~values.isfinite()).any(dim=1)
        places = places[rows.unfold(0, lookback + horizon, 1).any(dim=1)[places]]
    size = max(1, MAX_BLOCK_VALUES // windows[0].numel())
    for chosen in places.split(size) if len(places) else ():
        block = windows[chosen]
        past, future = block[:, :lookback], block[:, lookback:]
        observed, seen = past.isfinite(), future.isfinite()
        stats = normalizer.statistics(past, observed)
        # A window with nothing observed has no location: its targets teach nothing.
        seen = seen & observed.any(dim=1, keepdim=True)
        centred = torch.where(observed, stats.centre(past), 0)
        targets = torch.where(seen, stats.centre(future), 0)
        found = WindowBlock(*(_stack_series(part) for part in (centred, observed, targets, seen)))
        yield found.select_gappy() if gappy_only else found


def _stack_series(block: Tensor) -> Tensor:
    return block.transpose(1, 2).flatten(0, 1)


def _zero_equations(values: Tensor, lookback: int, horizon: int) -> NormalEquations:
    inputs, sums = values.new_zeros(lookback, lookback), values.new_zeros(lookback)
    cross, targets = values.new_zeros(horizon, lookback), values.new_zeros(horizon)
    return NormalEquations(inputs, cross, targets, sums, targets, 0)
