"""Sums over windows for least squares, for any window size and any range of rows."""

import torch
from torch import Tensor

from revin_forecast.closed_form.gap_free_windows import gap_free_moments
from revin_forecast.closed_form.gram import MAX_BLOCK_BYTES, cross_correlation, diagonal_sums
from revin_forecast.closed_form.normal_equations import NormalEquations


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

    The origin of a window is the row of its first target. The difference between two origins gives
    the Gram matrix of all windows in that range: its first row is a difference of sums of lagged
    products, and one step along a diagonal adds the products at one end and subtracts those at the
    other. So each origin that begins or ends a range takes one product and a part of an FFT,
    however many windows the range holds. The equations of a smaller size are a submatrix. Beyond
    the ends of the table, zeros replace the rows that only the longest windows would need.

    With gaps in the table, the windows without a gap are summed for each range separately.

    Args:
        values: (time, channels) float64; NaN and infinities are unobserved.
        lookback: longest look-back.
        horizon: longest horizon.
    """

    def __init__(self, values: Tensor, lookback: int, horizon: int):
        self.values, self.lookback, self.horizon = values, lookback, horizon
        self._lag_sums: dict[int, Tensor] = {}
        # In blocks of rows, so that intermediate results stay smaller than the table.
        parts = values.split(max(1, MAX_BLOCK_BYTES // (8 * values.shape[1])))
        self.has_gaps = not all(bool(part.isfinite().all()) for part in parts)
        moments = torch.cat([torch.stack([p.sum(1), p.square().sum(1)], dim=1) for p in parts])
        first = values.new_zeros(lookback + 1, 2)
        self._totals = torch.cat([first, moments.cumsum(0)])
        last = self._totals[-1:].expand(horizon, 2)
        self._totals = torch.cat([self._totals, last])

    def prepare_origins(self, *origins: int) -> None:
        """Compute the sums for ranges that begin or end at these origins.

        Afterwards, threads may request the equations of such ranges concurrently.
        """
        if not self.has_gaps:
            for origin in origins:
                self._lag_sums_before(origin)

    def equations(self, lookback: int, horizon: int, first: int, stop: int) -> NormalEquations:
        """Return the equations of all windows of one size.

        Args:
            lookback: look-back, at most the longest.
            horizon: horizon, at most the longest.
            first: row of the first target; the first row with a full look-back if that is later.
            stop: row after the last target.
        """
        start, end = max(first, lookback), stop - horizon + 1
        if self.has_gaps:
            rows = self.values[start - lookback : end + horizon - 1]
            return gap_free_equations(rows, lookback, horizon)
        return self.equations_over(start, end).truncate(lookback, horizon)

    def equations_over(self, start: int, end: int) -> NormalEquations:
        """Return the equations of the longest windows with origins from `start` to `end` - 1."""
        lookback, width = self.lookback, self.lookback + self.horizon
        if self.has_gaps:
            return self.equations(lookback, self.horizon, start, end + self.horizon - 1)
        lags = self._lag_sums_before(end) - self._lag_sums_before(start)
        steps = diagonal_sums(self._diagonal_change(start, end))
        upper = _restore_diagonals(lags, steps, lookback)
        del steps  # as large as the result
        inputs = upper[:, :lookback].triu()
        # Totals begin a look-back before the table, so row `start` - lookback has index `start`.
        moments = self._totals[end : end + width] - self._totals[start : start + width]
        sums, squares = moments.unbind(1)
        return NormalEquations(
            gram=inputs + inputs.triu(1).mT,
            cross=upper[:, lookback:].mT.contiguous(),
            target_squares=squares[lookback:],
            input_sums=sums[:lookback],
            target_sums=sums[lookback:],
            count=(end - start) * self.values.shape[1],
        )

    def _diagonal_change(self, start: int, end: int) -> Tensor:
        """Return the changes along the diagonals, (lookback - 1, width - 1)."""
        width = self.lookback + self.horizon
        before, after = (
            self._padded_rows(origin - self.lookback, origin - self.lookback + width - 1)
            for origin in (start, end)
        )
        rows = self.lookback - 1
        change = before[:rows] @ before.mT
        return change.addmm_(after[:rows], after.mT, beta=-1)

    def _lag_sums_before(self, origin: int) -> Tensor:
        """Return the sums of x[t] x[t + d] over the first steps t of the windows before an origin.

        The result (width,) lacks a constant that all origins share and that cancels in differences.
        It is computed from the sums of the nearest origin so far.
        """
        width = self.lookback + self.horizon
        if not self._lag_sums:
            self._lag_sums[origin] = self.values.new_zeros(width)
        elif origin not in self._lag_sums:
            nearest = min(self._lag_sums, key=lambda other: abs(other - origin))
            begin, stop = min(nearest, origin), max(nearest, origin)
            rows = self._padded_rows(begin - self.lookback, stop - self.lookback + width - 1)
            difference = cross_correlation(rows, stop - begin, width)
            sign = 1 if origin > nearest else -1
            self._lag_sums[origin] = self._lag_sums[nearest] + sign * difference
        return self._lag_sums[origin]

    def _padded_rows(self, start: int, stop: int) -> Tensor:
        """Return a range of rows, with zeros for rows outside the table."""
        inside = self.values[max(start, 0) : max(stop, 0)]
        missing = max(-start, 0), max(stop - len(self.values), 0)
        if missing == (0, 0):
            return inside
        return torch.nn.functional.pad(inside, (0, 0, *missing))


def _restore_diagonals(first_row: Tensor, steps: Tensor, lookback: int) -> Tensor:
    """Return the first `lookback` rows of the Gram matrix, undefined below the diagonal.

    Args:
        first_row: (width,): first row of the matrix.
        steps: result of `diagonal_sums`.
        lookback: number of rows.
    """
    width = len(first_row)
    # Two views of one buffer: columns of the skewed view are diagonals of the matrix.
    buffer = first_row.new_empty(lookback * (width + 1))
    skewed = buffer.as_strided((lookback, width), (width + 1, 1))
    skewed[0] = first_row
    torch.add(steps[:, :-1], first_row[:-1], out=skewed[1:, :-1])
    return buffer.as_strided((lookback, width), (width, 1))
