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
    """Observed rows without a gap between, each long enough for a window; longest first."""

    channel: Tensor
    start: Tensor
    stop: Tensor
    """The row after the last."""


def gap_free_moments(values: Tensor, width: int) -> WindowMoments:
    """Compute the moments of all windows that hold no gap, without making one.

    As `window_moments` of each observed stretch of each channel, added. What the Gram matrix needs
    of a stretch adds up before the matrix is made: the first row, and the outer products of its
    first and its last width - 1 values. So 10,000 stretches of as many lengths cost two matrix
    products and their FFTs: O(sum of time log time + stretches * width^2).

    Args:
        values: (time, channels) float64; NaN and infinities are unobserved.
        width: steps in a window, look-back plus horizon.

    Returns:
        Moments of count 0 where no window is complete.
    """
    if len(values) >= width and bool(values.isfinite().all()):
        return window_moments(values, width)
    stretches = _find_stretches(values, width)
    first_row = values.new_zeros(width)
    change = values.new_zeros(width - 1, width - 1)
    first_sum = values.new_zeros(())
    further = values.new_zeros(width - 1)
    for rows, counts in _iter_stretch_blocks(values, stretches, width):
        places = torch.arange(rows.shape[1], device=rows.device)
        heads = torch.where(places < counts.unsqueeze(1), rows, 0)
        first_row += _cross_correlation(heads, rows, width)
        first_sum += heads.sum()
        starts = rows[:, : width - 1]
        ends = rows.gather(1, counts.unsqueeze(1) + places[: width - 1])
        change.addmm_(ends.mT, ends).addmm_(starts.mT, starts, alpha=-1)
        further += (ends - starts).sum(dim=0)
    sums = torch.cat([first_sum.reshape(1), first_sum + further.cumsum(0)])
    count = int((stretches.stop - stretches.start - width + 1).sum())
    return WindowMoments(gram_from_edges(first_row, change), sums, count)


def gap_free_share(values: Tensor, width: int) -> float:
    """Return the share of windows without a gap, of those between a channel's ends.

    A series that begins late or ends early lacks nothing within; rows before its first and after
    its last observed value do not count.

    Args:
        values: (time, channels); NaN and infinities are unobserved.
        width: steps in a window.

    Returns:
        From 0 to 1; 0 where no channel is as long as a window.
    """
    stretches = _find_stretches(values, 1)
    first = torch.full((values.shape[1],), len(values), device=values.device)
    first = first.scatter_reduce(0, stretches.channel, stretches.start, "amin")
    last = torch.zeros_like(first).scatter_reduce(0, stretches.channel, stretches.stop, "amax")
    windows = int((last - first - width + 1).clamp(min=0).sum())
    complete = int((stretches.stop - stretches.start - width + 1).clamp(min=0).sum())
    return complete / windows if windows else 0.0


def longest_gap_free_stretch(values: Tensor) -> int:
    """Return the most rows that any channel has observed without a gap."""
    stretches = _find_stretches(values, 1)
    return int((stretches.stop - stretches.start).max()) if len(stretches.start) else 0


def _find_stretches(values: Tensor, width: int) -> _Stretches:
    edge = torch.zeros(values.shape[1], 1, dtype=torch.int8, device=values.device)
    steps = torch.diff(values.isfinite().mT.to(torch.int8), prepend=edge, append=edge)
    channel, start = (steps == 1).nonzero(as_tuple=True)
    stop = (steps == -1).nonzero(as_tuple=True)[1]
    length = stop - start
    chosen = torch.argsort(length, descending=True, stable=True)[: int((length >= width).sum())]
    return _Stretches(channel[chosen], start[chosen], stop[chosen])


def _iter_stretch_blocks(
    values: Tensor, stretches: _Stretches, width: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield stretches (stretches, time) with 0 behind their ends, and their counts of windows."""
    series, first = values.mT.contiguous(), 0
    while first < len(stretches.start):
        longest = int(stretches.stop[first] - stretches.start[first])
        size = fast_length(longest)
        block = slice(first, first + max(1, MAX_BLOCK_BYTES // (16 * size)))
        channel, start, stop = (part[block].unsqueeze(1) for part in stretches)
        places = start + torch.arange(size, device=values.device)
        rows = series[channel, places.clamp(max=len(values) - 1)]
        yield torch.where(places < stop, rows, 0), (stop - start - width + 1).squeeze(1)
        first = block.stop


def _cross_correlation(heads: Tensor, rows: Tensor, width: int) -> Tensor:
    """Return sum over series and t of heads[t] rows[t + d], for d < width."""
    # Behind the last value that meets a head all is 0, so nothing wraps around.
    size = rows.shape[1]
    spectrum = (torch.fft.rfft(heads).conj() * torch.fft.rfft(rows)).sum(dim=0)
    return torch.fft.irfft(spectrum, size)[:width]
