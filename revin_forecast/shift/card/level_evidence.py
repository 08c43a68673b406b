"""What taking the level away costs a linear forecast, and what it brings: no model is fitted."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from revin_forecast.normalizers.blend import RELATIVE_JITTER
from revin_forecast.shift.card.energy_distance import sample_starts

MAX_WINDOWS = 2000
"""Most windows looked at; one product of matrices makes all of their forecasts."""


@dataclass(frozen=True, eq=False)
class LevelForecast:
    """The best linear forecasts of a channel with and without its training level known.

    Known (simple kriging): b'x, with b = S^-1 c and x counted from the training level. Unknown, as
    for a forecast inside RevIN (ordinary kriging): b'x + (1 - 1'b) g, where g = 1'S^-1 x / 1'S^-1 1
    is the window's generalized least squares mean (Goldberger, 1962). They differ by (1 - 1'b) g.
    """

    map: np.ndarray
    """b: (lookback, horizon)."""
    level_weights: np.ndarray
    """The weights of g: (lookback,)."""

    @classmethod
    def from_autocovariance(cls, covariance: Tensor, lookback: int) -> "LevelForecast":
        """Solve for b and g.

        Args:
            covariance: (lookback + horizon,) float64, lag 0 first and positive.
            lookback: steps seen.
        """
        relative = covariance / covariance[0]
        steps = torch.arange(lookback)
        ahead = torch.arange(lookback, len(covariance))
        matrix = relative[(steps.unsqueeze(1) - steps).abs()]
        matrix = matrix + RELATIVE_JITTER * torch.eye(lookback, dtype=matrix.dtype)
        cross = relative[ahead - steps.unsqueeze(1)]
        ones = torch.ones(lookback, 1, dtype=matrix.dtype)
        solved = torch.linalg.solve(matrix, torch.cat([cross, ones], dim=1)).numpy()
        return cls(solved[:, :-1], solved[:, -1] / solved[:, -1].sum())


@dataclass(frozen=True)
class LevelEvidence:
    """How some windows of a channel speak for or against taking their level away."""

    level_rms: float
    """Root mean square of g: how far window levels lie from that of training."""
    followed_share: float
    """Which part of (1 - 1'b) g came true: slope of the errors of b'x on it; 1/2 breaks even."""
    gain: float
    """Mean squared error saved by taking the level away, by that of b'x."""
    standard_error: float
    """Standard error of the gain, over stretches of look-back and horizon."""
    span_count: int
    """Such stretches; windows of one overlap and count once."""


def level_evidence(values: np.ndarray, forecast: LevelForecast) -> LevelEvidence | None:
    """Weigh windows for and against taking their level away.

    With e = y - b'x and d = (1 - 1'b) g a window gains e^2 - (e - d)^2 = 2 e d - d^2. For a level
    that moved by delta and stays there the mean of that is (1 - 1'b)^2 (delta^2 - delta*^2), with
    delta* = (1'S^-1 1)^(-1/2): taking the level away pays where levels move by more than delta*,
    whatever the horizon. Levels that come back within it (followed < 1/2) don't pay.

    Args:
        values: a channel (time,), counted from its training level; NaN is unobserved. In a window
            such a step stands at the mean; windows less than half observed are left out.
        forecast: of that channel.

    Returns:
        None where no window is left.
    """
    lookback, horizon = forecast.map.shape
    width = lookback + horizon
    if len(values) < width:
        return None
    every = sliding_window_view(values, width)
    starts = sample_starts(len(every), MAX_WINDOWS)
    windows = every[starts]
    past, future = windows[:, :lookback], windows[:, lookback:]
    seen = np.isfinite(past)
    usable = (seen.mean(axis=1) >= 0.5) & np.isfinite(future).any(axis=1)
    if not usable.any():
        return None
    starts, past, future, seen = (part[usable] for part in (starts, past, future, seen))
    mean = np.where(seen, past, 0).sum(axis=1, keepdims=True) / seen.sum(axis=1, keepdims=True)
    past = np.where(seen, past, mean)
    level = past @ forecast.level_weights
    correction = level[:, None] * (1 - forecast.map.sum(axis=0))
    missed = future - past @ forecast.map
    counted = np.isfinite(missed)
    missed, correction = np.where(counted, missed, 0), np.where(counted, correction, 0)
    product, square = missed * correction, correction**2
    gains = (2 * product - square).sum(axis=1) / counted.sum(axis=1)
    squared = (missed**2).sum() / counted.sum()
    stretches = max(1, len(every) // width)
    means = _group_means(gains, starts * stretches // len(every))
    unit = squared if squared > 0 else 1.0
    return LevelEvidence(
        level_rms=float(np.sqrt((level**2).mean())),
        followed_share=float(product.sum() / square.sum()) if square.sum() > 0 else 0.0,
        gain=float(gains.mean() / unit),
        standard_error=float(means.std(ddof=1) / np.sqrt(len(means)) / unit)
        if len(means) > 1
        else np.inf,
        span_count=len(means),
    )


def _group_means(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    counts = np.bincount(groups)
    sums = np.bincount(groups, weights=values)
    return sums[counts > 0] / counts[counts > 0]
