"""Cost and benefit of removing the level for a linear forecast, without fitting a model."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from revin_forecast.normalizers.blend import RELATIVE_JITTER
from revin_forecast.shift.card.energy_distance import sample_starts

MAX_WINDOWS = 2000
"""Limit on the windows; one matrix product computes all of their forecasts."""


@dataclass(frozen=True, eq=False)
class LevelForecast:
    """The best linear forecasts of a channel with a known and with an unknown training level.

    Known level (simple kriging): b'x, with b = S^-1 c and x relative to the training level.
    Unknown level, as inside RevIN (ordinary kriging): b'x + (1 - 1'b) g, where g = 1'S^-1 x /
    1'S^-1 1 is the window's generalized least squares mean (Goldberger, 1962). The two differ by
    (1 - 1'b) g.
    """

    map: np.ndarray
    """(lookback, horizon) weights b."""
    level_weights: np.ndarray
    """(lookback,) weights of g."""

    @classmethod
    def from_autocovariance(cls, covariance: Tensor, lookback: int) -> "LevelForecast":
        """Solve for b and g.

        Args:
            covariance: (lookback + horizon,) float64 autocovariance from lag 0 on; lag 0 positive.
            lookback: look-back steps.
        """
        relative = covariance / covariance[0]
        steps = torch.arange(lookback)
        ahead = torch.arange(lookback, len(covariance))
        matrix = relative[(steps.unsqueeze(1) - steps).abs()]
        # Smooth series have a nearly singular autocovariance.
        matrix = matrix + RELATIVE_JITTER * torch.eye(lookback, dtype=matrix.dtype)
        cross = relative[ahead - steps.unsqueeze(1)]
        ones = torch.ones(lookback, 1, dtype=matrix.dtype)
        # b and S^-1 1 share the matrix: one factorization solves for both.
        solution = torch.linalg.solve(matrix, torch.cat([cross, ones], dim=1)).numpy()
        return cls(solution[:, :-1], solution[:, -1] / solution[:, -1].sum())


@dataclass(frozen=True)
class LevelEvidence:
    """Evidence from the windows of a channel for or against removing their level."""

    level_rms: float
    """Root mean square of g: the distance of window levels from the training level."""
    followed_share: float
    """Slope of the errors of b'x on (1 - 1'b) g, the share that comes true; 1/2 breaks even."""
    gain: float
    """Mean squared error saved by removing the level, relative to that of b'x."""
    standard_error: float
    """Standard error of the gain, over stretches of look-back and horizon."""
    span_count: int
    """Number of stretches; the windows of one stretch overlap and count once."""


def level_evidence(values: np.ndarray, forecast: LevelForecast) -> LevelEvidence | None:
    """Weigh the evidence of windows for and against removing their level.

    With e = y - b'x and d = (1 - 1'b) g a window gains e^2 - (e - d)^2 = 2 e d - d^2. For a level
    that moved by delta and stays there the mean of that is (1 - 1'b)^2 (delta^2 - delta*^2), with
    delta* = (1'S^-1 1)^(-1/2): removing the level pays if levels move by more than delta*, whatever
    the horizon. It does not pay for levels that return within the horizon (followed_share < 1/2).

    Args:
        values: a channel (time,) relative to its training level; NaN is unobserved. An unobserved
            look-back step takes the window's mean; windows less than half observed are left out.
        forecast: forecasts of that channel.

    Returns:
        None if no window remains.
    """
    lookback, horizon = forecast.map.shape
    width = lookback + horizon
    if len(values) < width:
        return None
    all_windows = sliding_window_view(values, width)
    starts = sample_starts(len(all_windows), MAX_WINDOWS)
    windows = all_windows[starts]
    past, future = windows[:, :lookback], windows[:, lookback:]
    observed = np.isfinite(past)
    usable = (observed.mean(axis=1) >= 0.5) & np.isfinite(future).any(axis=1)
    if not usable.any():
        return None
    starts, past, future, observed = (part[usable] for part in (starts, past, future, observed))
    mean = np.where(observed, past, 0).sum(axis=1, keepdims=True) / observed.sum(
        axis=1, keepdims=True
    )
    past = np.where(observed, past, mean)
    level = past @ forecast.level_weights
    correction = level[:, None] * (1 - forecast.map.sum(axis=0))
    errors = future - past @ forecast.map
    counted = np.isfinite(errors)
    errors, correction = np.where(counted, errors, 0), np.where(counted, correction, 0)
    product, square = errors * correction, correction**2
    gains = (2 * product - square).sum(axis=1) / counted.sum(axis=1)
    squared_error = (errors**2).sum() / counted.sum()
    # Overlapping windows share their steps: only means over disjoint stretches are independent.
    stretches = max(1, len(all_windows) // width)
    means = _group_means(gains, starts * stretches // len(all_windows))
    unit = squared_error if squared_error > 0 else 1.0
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
