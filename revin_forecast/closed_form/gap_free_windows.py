"""Second moments of all windows without a gap."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from revin_forecast.closed_form.gram import (
    MAX_BLOCK_BYTES,
    WindowMoments,
    fast_length,
    gram_from_edges,
    window_moments,
)


class _Stretches(NamedTuple):
    """Runs of consecutive observed rows, each long enough for a window; longest first."""

    channel: Tensor
    """(stretches,)."""
    start: Tensor
    """(stretches,): first row."""
    stop: Tensor
    """(stretches,): row after the last."""


def gap_free_moments(values: Tensor, width: int) -> WindowMoments:
    """Compute the moments of all windows without a gap, without extracting them.

    The result is the sum of `window_moments` over the observed stretches of each channel. The
    inputs of the Gram matrix are added over stretches before the matrix is computed: its first row,
    and the outer products of each stretch's first and last width - 1 values. So 10,000 stretches of
    different lengths take two matrix products and their FFTs:
    O(sum of time log time + stretches * width^2).

    Args:
        values: (time, channels) float64; NaN and infinities are unobserved.
        width: steps in a window, look-back plus horizon.

    Returns:
        The moments; their count is 0 if every window has a gap.
    """
    if len(values) >= width and bool(values.isfinite().all()):
        return window_moments(values, width)
    stretches = _find_stretches(values, width)
    first_row = values.new_zeros(width)
    change = values.new_zeros(width - 1, width - 1)
    first_sum = values.new_zeros(())
    sum_changes = values.new_zeros(width - 1)
    for rows, counts in _iter_stretch_blocks(values, stretches, width):
        steps = torch.arange(rows.shape[1], device=rows.device)
        # The first values of the windows: a stretch of n windows has n of them.
        heads = torch.where(steps < counts.unsqueeze(1), rows, 0)
        first_row += _cross_correlation(heads, rows, width)
        first_sum += heads.sum()
        starts = rows[:, : width - 1]
        ends = rows.gather(1, counts.unsqueeze(1) + steps[: width - 1])
        change.addmm_(ends.mT, ends).addmm_(starts.mT, starts, alpha=-1)
        sum_changes += (ends - starts).sum(dim=0)
    sums = torch.cat([first_sum.reshape(1), first_sum + sum_changes.cumsum(0)])
    count = int((stretches.stop - stretches.start - width + 1).sum())
    return WindowMoments(gram_from_edges(first_row, change), sums, count)


def gap_free_share(values: Tensor, width: int) -> float:
    """Return the share of windows without a gap among those between a channel's ends.

    A late start or an early end is not a gap: windows that begin before the first or end after the
    last observed value of a channel do not count.

    Args:
        values: (time, channels); NaN and infinities are unobserved.
        width: steps in a window.

    Returns:
        A share from 0 to 1; 0 if every channel is shorter than a window.
    """
    stretches = _find_stretches(values, 1)
    first = torch.full((values.shape[1],), len(values), device=values.device)
    first = first.scatter_reduce(0, stretches.channel, stretches.start, "amin")
    last = torch.zeros_like(first).scatter_reduce(0, stretches.channel, stretches.stop, "amax")
    windows = int((last - first - width + 1).clamp(min=0).sum())
    complete = int((stretches.stop - stretches.start - width + 1).clamp(min=0).sum())
    return complete / windows if windows else 0.0


def longest_gap_free_stretch(values: Tensor) -> int:
    """Return the number of rows in the longest observed stretch of any channel."""
    stretches = _find_stretches(values, 1)
    return int((stretches.stop - stretches.start).max()) if len(stretches.start) else 0


def _find_stretches(values: Tensor, width: int) -> _Stretches:
    """Return the observed stretches of at least `width` rows."""
    edge = torch.zeros(values.shape[1], 1, dtype=torch.int8, device=values.device)
    changes = torch.diff(values.isfinite().mT.to(torch.int8), prepend=edge, append=edge)
    channel, start = (changes == 1).nonzero(as_tuple=True)
    stop = (changes == -1).nonzero(as_tuple=True)[1]
    length = stop - start
    # Sorted by length, so that blocks of stretches need little padding.
    order = torch.argsort(length, descending=True, stable=True)[: int((length >= width).sum())]
    return _Stretches(channel[order], start[order], stop[order])


def _iter_stretch_blocks(
    values: Tensor, stretches: _Stretches, width: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield blocks of stretches (stretches, time), padded with 0, and their window counts."""
    series, first = values.mT.contiguous(), 0
    while first < len(stretches.start):
        longest = int(stretches.stop[first] - stretches.start[first])
        size = fast_length(longest)
        block = slice(first, first + max(1, MAX_BLOCK_BYTES // (16 * size)))
        channel, start, stop = (part[block].unsqueeze(1) for part in stretches)
        row_numbers = start + torch.arange(size, device=values.device)
        rows = series[channel, row_numbers.clamp(max=len(values) - 1)]
        yield torch.where(row_numbers < stop, rows, 0), (stop - start - width + 1).squeeze(1)
        first = block.stop


def _cross_correlation(heads: Tensor, rows: Tensor, width: int) -> Tensor:
    """Return sum over series and t of heads[t] rows[t + d], for d < width."""
    # Rows are 0 after the last value that is multiplied by a head, so nothing wraps around.
    size = rows.shape[1]
    spectrum = (torch.fft.rfft(heads).conj() * torch.fft.rfft(rows)).sum(dim=0)
    return torch.fft.irfft(spectrum, size)[:width]
