"""The sums that least squares needs of windows, for any size and any stretch of a table."""

import torch
from torch import Tensor

from revin_forecast.closed_form.gap_free_windows import gap_free_moments
from revin_forecast.closed_form.gram import MAX_BLOCK_BYTES, cross_correlation, diagonal_sums
from revin_forecast.closed_form.normal_equations import NormalEquations


def window_equations(values: Tensor, lookback: int, horizon: int) -> NormalEquations:
    """Sum over all stride-1 windows without making one.

    As `window_moments`, but only what least squares needs: look-back by look-back and look-back by
    horizon. The horizon's own block, half of the work for a horizon as long as the look-back, is
    left out but for its diagonal.

    Args:
        values: (time, channels) float64, all finite; sums are added over the channels.
        lookback: steps seen.
        horizon: steps forecast.

    Raises:
        ValueError: fewer rows than one window has.
    """
    rows, width = len(values), lookback + horizon
    if rows < width:
        raise ValueError(f"{rows} rows hold no window of {width}; pass at least {width} rows.")
    return WindowSums(values, lookback, horizon).equations_over(lookback, rows - horizon + 1)


def gap_free_equations(values: Tensor, lookback: int, horizon: int) -> NormalEquations:
    """Sum over all windows that hold no gap; the fast way where there is none.

    Args:
        values: (time, channels) float64; NaN and infinities are unobserved.
        lookback: steps seen.
        horizon: steps forecast.

    Returns:
        Equations of count 0 where no window is complete.
    """
    if len(values) >= lookback + horizon and bool(values.isfinite().all()):
        return window_equations(values, lookback, horizon)
    moments = gap_free_moments(values, lookback + horizon)
    return NormalEquations.from_moments(moments, lookback)


class WindowSums:
    """Normal equations of windows of any smaller size and any range of origins.

    The origin of a window is the row of its first target. What two origins differ in gives the
    Gram matrix of all windows between them: its first row is a difference of sums of lagged
    products, and one step along a diagonal adds the products at one end and takes away those at
    the other. So a table needs one product and a piece of one FFT for each origin that something
    begins or ends at, however many windows lie between. A smaller size is a part of the matrix; at
    the table's ends zeros stand in for what only the longest windows would see there.

    With gaps in the table, windows without one are summed for each range by themselves.

    Args:
        values: (time, channels) float64; NaN and infinities are unobserved.
        lookback: the longest.
        horizon: the longest.
    """

    def __init__(self, values: Tensor, lookback: int, horizon: int):
        self.values, self.lookback, self.horizon = values, lookback, horizon
        self._lag_sums: dict[int, Tensor] = {}
        # Some rows at a time: what they take on the way is no second table.
        parts = values.split(max(1, MAX_BLOCK_BYTES // (8 * values.shape[1])))
        self.has_gaps = not all(bool(part.isfinite().all()) for part in parts)
        moments = torch.cat([torch.stack([p.sum(1), p.square().sum(1)], dim=1) for p in parts])
        first = values.new_zeros(lookback + 1, 2)
        self._totals = torch.cat([first, moments.cumsum(0)])
        last = self._totals[-1:].expand(horizon, 2)
        self._totals = torch.cat([self._totals, last])

    def prepare_origins(self, *origins: int) -> None:
        """Make what ranges that begin or end at these origins share, each once.

        Threads may use ranges afterwards.
        """
        if not self.has_gaps:
            for origin in origins:
                self._lag_sums_before(origin)

    def equations(self, lookback: int, horizon: int, first: int, stop: int) -> NormalEquations:
        """Return the equations of all windows of one size.

        Args:
            lookback: steps seen, no more than the longest.
            horizon: steps forecast, no more than the longest.
            first: row of the first target; the first with a full look-back, if that is later.
            stop: the row after the last target.
        """
        start, end = max(first, lookback), stop - horizon + 1
        if self.has_gaps:
            rows = self.values[start - lookback : end + horizon - 1]
            return gap_free_equations(rows, lookback, horizon)
        return self.equations_over(start, end).truncate(lookback, horizon)

    def equations_over(self, start: int, end: int) -> NormalEquations:
        """Return the equations of the longest windows with origins `start` to `end` - 1."""
        lookback, width = self.lookback, self.lookback + self.horizon
        if self.has_gaps:
            return self.equations(lookback, self.horizon, start, end + self.horizon - 1)
        lags = self._lag_sums_before(end) - self._lag_sums_before(start)
        steps = diagonal_sums(self._diagonal_change(start, end))
        upper = _restore_diagonals(lags, steps, lookback)
        del steps
        inputs = upper[:, :lookback].triu()
        # Totals begin a look-back before the table, so row `start` - look-back stands at `start`.
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
        """Return what one step along a diagonal adds, (lookback - 1, width - 1)."""
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

        (width,), but for what all origins share: from those of the nearest one that is known.
        """
        width = self.lookback + self.horizon
        if not self._lag_sums:
            self._lag_sums[origin] = self.values.new_zeros(width)
        elif origin not in self._lag_sums:
            near = min(self._lag_sums, key=lambda other: abs(other - origin))
            begin, stop = min(near, origin), max(near, origin)
            rows = self._padded_rows(begin - self.lookback, stop - self.lookback + width - 1)
            between = cross_correlation(rows, stop - begin, width)
            self._lag_sums[origin] = self._lag_sums[near] + (between if origin > near else -between)
        return self._lag_sums[origin]

    def _padded_rows(self, start: int, stop: int) -> Tensor:
        """Return rows of the table, zeros where it has none."""
        inside = self.values[max(start, 0) : max(stop, 0)]
        lacking = max(-start, 0), max(stop - len(self.values), 0)
        if lacking == (0, 0):
            return inside
        return torch.nn.functional.pad(inside, (0, 0, *lacking))


def _restore_diagonals(first_row: Tensor, steps: Tensor, lookback: int) -> Tensor:
    """Return the first `lookback` rows of the Gram matrix; what is left of the diagonal is unset.

    Args:
        first_row: (width,) of the matrix.
        steps: what `diagonal_sums` returns.
        lookback: how many rows.
    """
    width = len(first_row)
    laid = first_row.new_empty(lookback * (width + 1))
    skewed = laid.as_strided((lookback, width), (width + 1, 1))
    skewed[0] = first_row
    torch.add(steps[:, :-1], first_row[:-1], out=skewed[1:, :-1])
    return laid.as_strided((lookback, width), (width, 1))
