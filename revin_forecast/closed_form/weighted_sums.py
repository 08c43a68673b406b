"""Weighted sums over all windows of a series whose weights are constant over runs of windows."""

import torch
from torch import Tensor

from revin_forecast.closed_form.gram import MAX_BLOCK_BYTES, fast_length
from revin_forecast.closed_form.normal_equations import NormalEquations
from revin_forecast.closed_form.window_sums import mirror_upper


class WeightedSums:
    """Sums of products of windows with a weight for each window.

    With u_t the window of origin t and w_t its weight, the matrix G = sum w_t u_t u_t' satisfies
    G[i + 1, j + 1] - G[i, j] = sum (w_{t-1} - w_t) u_t[i] u_t[j]. Only the windows at which the
    weight changes contribute. So weights that are constant over runs of windows take one product
    for each run, however long it is, and the sum still holds every window.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
    """

    def __init__(self, lookback: int, horizon: int):
        self.lookback, self.horizon = lookback, horizon
        width = lookback + horizon
        self.differences = torch.zeros(lookback, width, dtype=torch.float64)
        """First row of G, and below it the changes along its diagonals."""
        self.moments = torch.zeros(2, width, dtype=torch.float64)
        """Weighted sums of u and of u^2."""
        self.count = 0
        """Number of windows with a weight."""

    def add_windows(self, series: Tensor, weights: Tensor, first: int) -> None:
        """Add windows of a series.

        Args:
            series: (time,) float64. Windows with NaN or infinities must have weight 0.
            weights: (windows,) weight of each window, constant over runs of windows.
            first: origin (row of the first target) of the first window, at least the look-back.
        """
        lookback, width, windows = self.lookback, self.lookback + self.horizon, len(weights)
        if windows == 0:
            return
        begin = first - lookback
        rows = series[begin : begin + windows + width - 1]
        rows = torch.nan_to_num(rows, nan=0.0, posinf=0.0, neginf=0.0)
        rows = torch.nn.functional.pad(rows, (0, windows + width - 1 - len(rows)))
        # (w x) . x, w . x and w . x^2 at all lags, by one FFT each.
        size = fast_length(len(rows))
        spectra = torch.fft.rfft(torch.stack([rows, rows, rows.square()]), size)
        heads = torch.fft.rfft(torch.stack([weights * rows[:windows], weights, weights]), size)
        sums = torch.fft.irfft(spectra.mul_(heads.conj()), size)[:, :width]
        self.differences[0] += sums[0]
        self.moments += sums[1:]
        self.count += int(weights.count_nonzero())
        bounded = torch.nn.functional.pad(weights, (1, 1))
        changes = bounded[:-1] - bounded[1:]
        edges = rows.unfold(0, width - 1, 1)
        for block in changes.nonzero().flatten().split(max(1, MAX_BLOCK_BYTES // (8 * width))):
            edge = edges[block]
            scaled = edge[:, : lookback - 1] * changes[block].unsqueeze(1)
            self.differences[1:, 1:].addmm_(scaled.mT, edge)

    def combine(self, others: "list[tuple[int, WeightedSums]]") -> "WeightedSums":
        """Return these sums plus multiples of others."""
        result = WeightedSums(self.lookback, self.horizon)
        for sign, sums in ((1, self), *others):
            result.differences.add_(sums.differences, alpha=sign)
            result.moments.add_(sums.moments, alpha=sign)
            result.count += sign * sums.count
        return result

    def equations(self) -> NormalEquations:
        """Return the weighted normal equations. They take the memory of the sums."""
        lookback, width = self.differences.shape[0], self.differences.shape[1]
        # Two views of one buffer: columns of the skewed view are diagonals of the matrix.
        buffer = self.differences.new_zeros(lookback * (width + 1))
        gram = buffer.as_strided((lookback, width), (width, 1))
        gram.copy_(self.differences)
        buffer.as_strided((lookback, width), (width + 1, 1)).cumsum_(0)
        mirror_upper(gram[:, :lookback])
        sums, squares = self.moments
        return NormalEquations(
            gram=gram[:, :lookback],
            cross=gram[:, lookback:].mT,
            target_squares=squares[lookback:],
            input_sums=sums[:lookback],
            target_sums=sums[lookback:],
            count=self.count,
        )
