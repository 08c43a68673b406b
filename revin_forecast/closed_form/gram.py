"""Second moments of all windows of a series, computed without extracting the windows."""

from dataclasses import dataclass

import torch
from torch import Tensor

MAX_BLOCK_BYTES = 4 * 2**20
"""Size of the arrays that are transformed or summed at a time."""


@dataclass(frozen=True)
class WindowMoments:
    """Second moments of all stride-1 windows, summed over the series.

    Moments of disjoint sets of windows add and subtract.
    """

    gram: Tensor
    """(width, width): sum of x[t+i] x[t+j] over windows t and series."""
    sums: Tensor
    """(width,): sum of x[t+i]."""
    count: int
    """Number of windows of all series."""

    def __add__(self, other: "WindowMoments") -> "WindowMoments":
        return WindowMoments(
            self.gram + other.gram, self.sums + other.sums, self.count + other.count
        )

    def __sub__(self, other: "WindowMoments") -> "WindowMoments":
        return WindowMoments(
            self.gram - other.gram, self.sums - other.sums, self.count - other.count
        )

    def centre(self, weights: Tensor) -> "WindowMoments":
        """Return the moments of x - (weights . x); the weights apply to a window's first steps.

        With P = I - 1 w', the Gram matrix becomes P G P': rank-one changes of the raw one.
        """
        level_products = self.gram[:, : len(weights)] @ weights
        level_squares = level_products[: len(weights)] @ weights
        gram = self.gram - level_products.unsqueeze(1) - level_products + level_squares
        sums = self.sums - self.sums[: len(weights)] @ weights
        return WindowMoments(gram, sums, self.count)


def window_moments(values: Tensor, width: int) -> WindowMoments:
    """Compute the moments of all windows without extracting them.

    The windows overlap, so G[i+1, j+1] = G[i, j] + x[n+i] x[n+j] - x[i] x[j] with n windows: the
    Gram matrix has displacement rank two per series (the covariance method of linear prediction;
    Morf et al., 1977; Kailath & Sayed, 1995). Its first row is a cross-correlation, computed by
    FFT; the rest is a cumulative sum along each diagonal. O(time log time + width^2) per series.

    Args:
        values: (time, channels) float64, all finite.
        width: steps in a window, look-back plus horizon.

    Raises:
        ValueError: there are fewer rows than one window needs.
    """
    rows = len(values)
    count = rows - width + 1
    if count < 1:
        raise ValueError(f"{rows} rows hold no window of {width}; pass at least {width} rows.")
    first_row = cross_correlation(values, count, width)
    starts, ends = values[: width - 1], values[count:]
    gram = gram_from_edges(first_row, ends @ ends.mT - starts @ starts.mT)
    total = torch.cat([values.new_zeros(1, values.shape[1]), values.cumsum(0)])
    sums = (total[count:] - total[:width]).sum(dim=1)
    return WindowMoments(gram, sums, count * values.shape[1])


def gram_from_edges(first_row: Tensor, change: Tensor) -> Tensor:
    """Return the Gram matrix from its first row and the changes along its diagonals.

    Args:
        first_row: (width,): sum of x[t] x[t + d] over the windows t.
        change: (width - 1, width - 1): sum of e e' - s s' over the series, where s and e are the
            first and the last width - 1 values.
    """
    steps = diagonal_sums(change)
    return _symmetric_from_skewed(torch.cat([first_row.unsqueeze(0), first_row + steps]))


def cross_correlation(values: Tensor, count: int, width: int) -> Tensor:
    """Return sum_c sum_{t < count} x[t] x[t + d] for d < width, with x = 0 after the last row."""
    rows, channels = values.shape
    size = fast_length(max(rows, count + width - 1))
    spectrum = torch.zeros(size // 2 + 1, dtype=torch.complex128, device=values.device)
    for block in values.split(max(1, min(channels, MAX_BLOCK_BYTES // (32 * size))), dim=1):
        series = block.mT.contiguous()
        rows_spectrum = torch.fft.rfft(series, size)
        head_spectrum = torch.fft.rfft(series[:, :count], size)
        spectrum += rows_spectrum.mul_(head_spectrum.conj_physical_()).sum(dim=0)
    return torch.fft.irfft(spectrum, size)[:width]


def diagonal_sums(change: Tensor) -> Tensor:
    """Return s[i, d] = sum_{m <= i} change[m, m + d], padded to one more column.

    Entries with i + d outside the matrix are meaningless; callers do not read them.
    """
    rows, columns = change.shape
    # With a row stride of one more than the row length, the diagonals of a matrix are columns.
    flat = torch.cat([change.reshape(-1), change.new_zeros(rows)])
    return flat.as_strided((rows, columns + 1), (columns + 1, 1)).cumsum_(dim=0)


def _symmetric_from_skewed(skewed: Tensor) -> Tensor:
    """Return the symmetric matrix with m[i, i + d] = skewed[i, d]."""
    size = len(skewed)
    flat = skewed.new_zeros(size * (size + 1))
    flat.as_strided((size, size), (size + 1, 1)).copy_(skewed)
    upper = flat[: size * size].reshape(size, size).triu()
    return upper + upper.triu(1).mT


def fast_length(rows: int) -> int:
    """Return the next length without a prime factor above 5, for which the FFT is fast.

    Equal to `scipy.fft.next_fast_len(rows, real=True)`, without an import that a forecast would
    need for nothing else.
    """
    length = rows
    while True:
        remaining_factor = length
        for prime in (2, 3, 5):
            while remaining_factor % prime == 0:
                remaining_factor //= prime
        if remaining_factor == 1:
            return length
        length += 1
