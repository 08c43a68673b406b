"""Discounted means and straight lines of many series, at many origins, by two matrix products."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

RATES = (0.8, 0.5, 0.3, 0.15, 0.07, 0.03, 0.0)
"""Rates at which a row loses its weight with every step; 0: all rows weigh the same."""
WINDOW = 256
"""Last rows that a regression sees."""
ORIGINS = 64
"""Last rows at which the regressions are solved."""
LEAST_WEIGHT = 1e-12
"""Smaller weights of a row count as 0."""


class Regressions(NamedTuple):
    """Solutions at each origin; the first one is the end of the series."""

    mean: Float[Tensor, "series origins rates"]
    """Discounted mean: simple exponential smoothing with exact first weights."""
    level: Float[Tensor, "series origins rates"]
    """Value of the discounted straight line at the origin."""
    slope: Float[Tensor, "series origins rates"]
    """Slope of that line per step."""


class DiscountedRegressions(nn.Module):
    """Solve min sum_a (1 - rate)^a (x_{t - a} - level + slope a)^2 over the rows of a series.

    Discounted least squares (Brown, 1963): of degree 0 it is simple, of degree 1 double exponential
    smoothing, without first states to choose. All sums are matrix products with fixed weights, so
    there is no recursion over time.
    """

    kernels: Tensor
    tables: Tensor

    def __init__(self):
        super().__init__()
        rates = torch.tensor(RATES, dtype=torch.float64)
        age = torch.arange(WINDOW, dtype=torch.float64)
        # Ages in units of a rate's memory keep the sums of order 1, in float32, too.
        self.unit = [min(1 / rate, WINDOW) if rate else float(WINDOW) for rate in RATES]
        unit = torch.tensor(self.unit, dtype=torch.float64)
        powers = (1 - rates) ** age.unsqueeze(1)
        # Smaller ones are lost in float32 anyhow, and products of denormal numbers are slow.
        powers = torch.where(powers > LEAST_WEIGHT, powers, 0)
        scaled_age = age.unsqueeze(1) / unit
        kernels = torch.stack([powers, powers * scaled_age])
        shifted = torch.zeros(2, WINDOW, ORIGINS, len(RATES), dtype=torch.float64)
        for origin in range(ORIGINS):
            shifted[:, origin:, origin] = kernels[:, : WINDOW - origin]
        # Rows are in time order, so the oldest comes first.
        flat = shifted.flip(1).permute(1, 0, 2, 3).reshape(WINDOW, -1)
        sums = torch.stack([powers, powers * scaled_age, powers * scaled_age**2]).cumsum(1)
        tables = torch.cat([torch.zeros_like(sums[:, :1]), sums], dim=1)
        self.register_buffer("kernels", flat.float(), persistent=False)
        self.register_buffer("tables", tables.float(), persistent=False)
        self.register_buffer("units", unit.float(), persistent=False)
        self.units: Tensor

    def forward(
        self, values: Float[Tensor, "series rows"], count: Int[Tensor, " series"]
    ) -> Regressions:
        """Solve all regressions.

        Args:
            values: at least 256 rows, 0 before the first row of a series.
            count: number of rows of each series.
        """
        sums = values[:, -WINDOW:] @ self.kernels
        total, aged = sums.reshape(values.shape[0], 2, ORIGINS, -1).unbind(1)
        origins = torch.arange(ORIGINS, device=values.device)
        rows = (count.clamp(max=WINDOW).unsqueeze(1) - origins).clamp(min=0)
        zeroth, first, second = (self.tables[order][rows] for order in range(3))
        zeroth = torch.where(zeroth > 0, zeroth, 1)
        mean = total / zeroth
        determinant = zeroth * second - first.square()
        # One row has no slope.
        is_line = (rows > 1).unsqueeze(2)
        safe = torch.where(is_line & (determinant > 0), determinant, 1)
        slope = torch.where(is_line, (first * total - zeroth * aged) / safe, 0)
        level = mean + slope * first / zeroth
        return Regressions(mean, level, slope / self.units)
