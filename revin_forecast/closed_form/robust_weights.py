"""Weights of training windows for a second, robust solve."""

from dataclasses import dataclass

import torch
from torch import Tensor

MIN_RESIDUAL = 0.1
"""Residuals below this share of the channel's median count as that share."""
MAX_RUNS = 8_000
"""Runs of windows with one weight, of all channels."""


@dataclass(frozen=True, eq=False)
class WindowRuns:
    """Runs of consecutive windows; the windows of a run share one weight."""

    edges: Tensor
    """(runs + 1,) first origin of each run, and the origin after the last window."""

    @classmethod
    def split(cls, first: int, end: int, channels: int) -> "WindowRuns":
        """Split the origins from `first` to `end` - 1 into at most `MAX_RUNS` / channels runs."""
        count = max(1, min(end - first, MAX_RUNS // channels))
        return cls(first + (end - first) * torch.arange(count + 1) // count)

    @property
    def middles(self) -> Tensor:
        """(runs,) origin in the middle of each run, whose residual gives the weight."""
        return (self.edges[:-1] + self.edges[1:]) // 2

    def spread_weights(self, weights: Tensor, series: Tensor, sizes: tuple[int, int]) -> Tensor:
        """Return the weight of each window, 0 for windows with a gap, (windows,).

        Args:
            weights: (runs,).
            series: (time,).
            sizes: look-back and horizon of the windows.
        """
        spread = weights.repeat_interleave(self.edges.diff())
        gaps = (~series.isfinite()).long().cumsum(0)
        if gaps[-1] == 0:
            return spread
        gaps = torch.nn.functional.pad(gaps, (1, 0))
        origins = torch.arange(int(self.edges[0]), int(self.edges[-1]))
        has_gap = gaps[origins + sizes[1]] > gaps[origins - sizes[0]]
        return spread.masked_fill(has_gap, 0)


def measure_residuals(series: Tensor, weight: Tensor, origins: Tensor, first: int) -> Tensor:
    """Return the mean absolute residual of windows over the steps of a map, (origins,).

    Args:
        series: (time,); a window with a gap has the residual NaN.
        weight: (steps, lookback), for raw windows.
        origins: (origins,) row of each window's first target.
        first: first step of the map.
    """
    steps, lookback = weight.shape
    # float32 is exact enough for weights, and twice as fast.
    windows = series.float().unfold(0, lookback + first + steps, 1)[origins - lookback]
    forecast = windows[:, :lookback] @ weight.float().mT
    return (windows[:, lookback + first :] - forecast).abs_().mean(dim=1).double()


def compute_robust_weights(residuals: Tensor) -> Tensor:
    """Return weights of mean 1 that fall with the residual, (..., runs).

    w = 1 / max(r, 0.1 median r): windows that the first solve could not explain count less, and the
    second solve is a step towards least absolute errors (Schlossmacher, JASA 68, 1973). The mean is
    taken for each channel, so that a quiet channel counts as much as it did before.

    Args:
        residuals: (..., runs) mean absolute residual, NaN where unknown.
    """
    middle = residuals.nanmedian(dim=-1, keepdim=True).values.nan_to_num()
    known = torch.where(residuals.isfinite(), residuals, middle)
    # If most residuals are 0, the channel is nearly constant: all windows count alike.
    known = torch.where(middle > 0, known, 1)
    weights = torch.maximum(known, MIN_RESIDUAL * torch.where(middle > 0, middle, 1)).reciprocal()
    return weights / weights.mean(dim=-1, keepdim=True)
