"""`LagSums`: sums over all windows of a table, to which later rows can be added."""

from dataclasses import dataclass

import torch
from torch import Tensor

from revin_forecast.closed_form.gram import (
    MAX_BLOCK_BYTES,
    WindowMoments,
    cross_correlation,
    fast_length,
    gram_from_edges,
)
from revin_forecast.closed_form.normal_equations import NormalEquations


@dataclass(frozen=True, eq=False)
class LagSums:
    """Sums that determine the normal equations of all windows, for each series separately.

    The windows overlap, so their Gram matrix follows from its first row and from the first and the
    last rows of the table (the covariance method of linear prediction; Morf et al., 1977). Of a
    table of any length, three windows of numbers are left for each series. New rows add the
    products of the windows that end in them; no earlier row but the last few is needed.

    The sums serve every look-back and horizon that fit into the width, and every group of series.
    """

    first: Tensor
    """(width - 1, channels): first rows of the table, float64."""
    last: Tensor
    """(width - 1, channels): last rows of the table."""
    products: Tensor
    """(width, channels): sum of x[t] x[t + d] over the first rows t of the windows."""
    heads: Tensor
    """(channels,): sum of x[t] over the same rows."""
    rows: int
    """Number of rows of the table."""

    @classmethod
    def from_values(cls, values: Tensor, width: int) -> "LagSums":
        """Sum over all windows of a table.

        Args:
            values: (time, channels) float64, all finite.
            width: steps in the longest window, look-back plus horizon.

        Raises:
            ValueError: there are fewer rows than one window needs.
        """
        rows = len(values)
        if rows < width:
            raise ValueError(f"{rows} rows hold no window of {width}; pass at least {width} rows.")
        first = values[: width - 1]
        products = values.new_zeros(width, values.shape[1])
        empty = cls(first, first, products, products[0], width - 1)
        return empty.append(values[width - 1 :])

    @property
    def width(self) -> int:
        """Steps in the longest window."""
        return len(self.products)

    def append(self, values: Tensor) -> "LagSums":
        """Return the sums with the rows that follow the last one.

        Args:
            values: (time, channels) float64, all finite.
        """
        count = len(values)
        if not count:
            return self
        recent = torch.cat([self.last, values])
        return LagSums(
            self.first,
            recent[count:].clone(),
            self.products + _lagged_products(recent, count, self.width),
            self.heads + recent[:count].sum(dim=0),
            self.rows + count,
        )

    def select(self, channels: list[int]) -> "LagSums":
        """Return the sums of some channels."""
        first, last, products = (
            part[:, channels] for part in (self.first, self.last, self.products)
        )
        return LagSums(first, last, products, self.heads[channels], self.rows)

    def equations(self, lookback: int, horizon: int) -> NormalEquations:
        """Return the normal equations of all windows of a size, summed over the channels.

        Args:
            lookback: steps in the input window.
            horizon: steps to forecast.

        Raises:
            ValueError: the windows are longer than the width.
        """
        width = lookback + horizon
        if width > self.width:
            raise ValueError(f"windows of {width} are longer than {self.width}, the sums' width.")
        # Shorter windows fit in more often: these end in the last rows, which are known.
        further = self.width - width
        first_row = self.products[:width].sum(dim=1)
        head = self.heads.sum() + self.last[:further].sum()
        if further:
            first_row = first_row + cross_correlation(self.last, further, width)
        starts, ends = self.first[: width - 1], self.last[further:]
        gram = gram_from_edges(first_row, ends @ ends.mT - starts @ starts.mT)
        changes = (ends - starts).sum(dim=1).cumsum(0)
        sums = torch.cat([head.reshape(1), head + changes])
        count = (self.rows - width + 1) * self.products.shape[1]
        return NormalEquations.from_moments(WindowMoments(gram, sums, count), lookback)


def _lagged_products(values: Tensor, count: int, width: int) -> Tensor:
    """Return (width, channels) sums of x[t] x[t + d] over t < count, for each channel."""
    size = fast_length(len(values))
    block = max(1, MAX_BLOCK_BYTES // (16 * size))
    parts = []
    for part in values.split(block, dim=1):
        series = part.mT.contiguous()
        spectrum = torch.fft.rfft(series[:, :count], size).conj() * torch.fft.rfft(series, size)
        parts.append(torch.fft.irfft(spectrum, size)[:, :width].mT)
    return torch.cat(parts, dim=1)
