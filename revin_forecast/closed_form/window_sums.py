"""Sums over windows for least squares, for any window size and any range of rows."""

import torch
from torch import Tensor

from revin_forecast.closed_form.gap_free_windows import gap_free_moments
from revin_forecast.closed_form.gram import MAX_BLOCK_BYTES, cross_correlation
from revin_forecast.closed_form.normal_equations import NormalEquations

MIRROR_ROWS = 128
"""Rows of the blocks in which a symmetric matrix is completed, so that copies stay small."""


def window_equations(values: Tensor, lookback: int, horizon: int) -> NormalEquations:
    """Return the normal equations of all stride-1 windows without extracting them.

    `window_moments` computes the whole Gram matrix; this function only the blocks that least
    squares needs, look-back by look-back and look-back by horizon. The horizon's own block, half of
    the work if the horizon is as long as the look-back, is reduced to its diagonal.

    Args:
        values: (time, channels) float64, all finite; sums are added over the channels.
        lookback: steps in the input window.
        horizon: steps to forecast.

    Raises:
        ValueError: there are fewer rows than one window needs.
    """
    rows, width = len(values), lookback + horizon
    if rows < width:
        raise ValueError(f"{rows} rows hold no window of {width}; pass at least {width} rows.")
    return WindowSums(values, lookback, horizon).equations_over(lookback, rows - horizon + 1)


def gap_free_equations(values: Tensor, lookback: int, horizon: int) -> NormalEquations:
    """Return the normal equations of all windows without a gap.

    Args:
        values: (time, channels) float64; NaN and infinities are unobserved.
        lookback: steps in the input window.
        horizon: steps to forecast.

    Returns:
        The equations; their count is 0 if every window has a gap.
    """
    if len(values) >= lookback + horizon and bool(values.isfinite().all()):
        return window_equations(values, lookback, horizon)
    moments = gap_free_moments(values, lookback + horizon)
    return NormalEquations.from_moments(moments, lookback)


class WindowSums:
    """Normal equations of windows of any smaller size and any range of origins.

    The origin of a window is the row of its first target. The difference between two ends of a
    range gives the Gram matrix of all windows in that range: its first row is a difference of sums
    of lagged products, and one step along a diagonal adds the products at one end and subtracts
    those at the other. So each end takes one product and a part of an FFT, however many windows the
    range holds. One buffer of the result's size holds the products, their sums and the result.

    With gaps in the table, the windows without a gap are summed for each range separately.

    Args:
        values: (time, channels) float64; NaN and infinities are unobserved.
        lookback: longest look-back.
        horizon: longest horizon.
        profile: (season, channels), subtracted from the rows where they are used, so that no copy
            of the table is made; None: nothing is subtracted.
    """

    def __init__(self, values: Tensor, lookback: int, horizon: int, profile: Tensor | None = None):
        self.values, self.lookback, self.horizon = values, lookback, horizon
        self.profile = profile
        self._lag_sums: dict[int, Tensor] = {}
        # In blocks of rows, so that intermediate results stay smaller than the table.
        size = max(1, MAX_BLOCK_BYTES // (8 * values.shape[1]))
        parts = (self._rows(first, first + size) for first in range(0, len(values), size))
        moments = torch.cat([torch.stack([p.sum(1), p.square().sum(1)], dim=1) for p in parts])
        self.has_gaps = not bool(moments.isfinite().all()) and not _is_finite(values, size)
        self._totals = torch.cat([moments.new_zeros(1, 2), moments.cumsum(0)])

    def prepare(self, *ranges: tuple[int, int, int]) -> None:
        """Compute the sums at the ends of ranges of windows.

        Afterwards, threads may request the equations of these ranges concurrently.

        Args:
            ranges: look-back, first origin, and the origin after the last.
        """
        if not self.has_gaps:
            ends = {origin - size for size, *origins in ranges for origin in origins}
            for first_row in sorted(ends):
                self._lag_sums_before(first_row)

    def equations(self, lookback: int, horizon: int, first: int, stop: int) -> NormalEquations:
        """Return the equations of all windows of one size.

        Args:
            lookback: look-back, at most the longest.
            horizon: horizon, at most the longest.
            first: row of the first target; the first row with a full look-back if that is later.
            stop: row after the last target.
        """
        return self._sum_windows(lookback, horizon, max(first, lookback), stop - horizon + 1)

    def equations_over(self, start: int, end: int) -> NormalEquations:
        """Return the equations of the longest windows with origins from `start` to `end` - 1."""
        return self._sum_windows(self.lookback, self.horizon, start, end)

    def _sum_windows(self, lookback: int, horizon: int, start: int, end: int) -> NormalEquations:
        """Return the equations of the windows of a size with origins from `start` to `end` - 1."""
        begin, stop, width = start - lookback, end - lookback, lookback + horizon
        if self.has_gaps:
            return gap_free_equations(self._rows(begin, stop + width - 1), lookback, horizon)
        gram = self._gram_rows(begin, stop, lookback, width)
        mirror_upper(gram[:, :lookback])
        moments = self._totals[stop : stop + width] - self._totals[begin : begin + width]
        sums, squares = moments.unbind(1)
        return NormalEquations(
            gram=gram[:, :lookback],
            cross=gram[:, lookback:].mT,
            target_squares=squares[lookback:],
            input_sums=sums[:lookback],
            target_sums=sums[lookback:],
            count=(end - start) * self.values.shape[1],
        )

    def _gram_rows(self, begin: int, stop: int, rows: int, width: int) -> Tensor:
        """Return the first rows of the Gram matrix of windows, undefined below the diagonal.

        Args:
            begin: first row of the first window.
            stop: row after the first row of the last window.
            rows: number of rows of the matrix to return.
            width: steps in a window.
        """
        # Two views of one buffer: columns of the skewed view are diagonals of the matrix.
        buffer = self.values.new_empty(rows * (width + 1))
        gram = buffer.as_strided((rows, width), (width, 1))
        before, after = (self._rows(first, first + width - 1) for first in (begin, stop))
        change = gram[1:, 1:]
        change.addmm_(after[: rows - 1], after.mT, beta=0)
        change.addmm_(before[: rows - 1], before.mT, alpha=-1)
        lag_sums = self._lag_sums_before(stop) - self._lag_sums_before(begin)
        gram[0] = lag_sums[:width]
        buffer.as_strided((rows, width), (width + 1, 1)).cumsum_(0)
        return gram

    def _lag_sums_before(self, row: int) -> Tensor:
        """Return the sums of x[t] x[t + d] over the rows t before a row, with x = 0 after the end.

        The result (width,) lacks a constant that all rows share and that cancels in differences.
        It is computed from the sums of the nearest row so far.
        """
        width = self.lookback + self.horizon
        if not self._lag_sums:
            self._lag_sums[row] = self.values.new_zeros(width)
        elif row not in self._lag_sums:
            nearest = min(self._lag_sums, key=lambda other: abs(other - row))
            begin, stop = min(nearest, row), max(nearest, row)
            size = max(1, MAX_BLOCK_BYTES // (8 * (stop - begin + width)))
            difference = self.values.new_zeros(width)
            for first in range(0, self.values.shape[1], size):
                rows = self._rows(begin, stop + width - 1, slice(first, first + size))
                difference += cross_correlation(rows, stop - begin, width)
            sign = 1 if row > nearest else -1
            self._lag_sums[row] = self._lag_sums[nearest] + sign * difference
        return self._lag_sums[row]

    def _rows(self, start: int, stop: int, columns: slice = slice(None)) -> Tensor:
        """Return a range of rows minus the profile; they end with the table."""
        rows = self.values[start:stop, columns]
        if self.profile is None:
            return rows
        phases = torch.arange(start, start + len(rows), device=rows.device) % len(self.profile)
        return rows - self.profile[phases, columns]


def _is_finite(values: Tensor, size: int) -> bool:
    """Return whether all values are finite, tested in blocks of `size` rows."""
    return all(bool(part.isfinite().all()) for part in values.split(size))


def mirror_upper(matrix: Tensor) -> None:
    """Copy the entries above the diagonal below it, in place."""
    for first in range(0, len(matrix), MIRROR_ROWS):
        stop = first + MIRROR_ROWS
        block = matrix[first:stop, first:stop]
        block.copy_(block.triu() + block.triu(1).mT)
        matrix[stop:, first:stop] = matrix[first:stop, stop:].mT
