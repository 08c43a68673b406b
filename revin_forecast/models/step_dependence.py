"""Dependence of the forecast errors of one series between the steps of a horizon."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ASSUMED_COMMON, ASSUMED_DECAY = 0.4, 0.7
"""Dependence of a series without calibration errors: half-way between those of many kinds."""
SHRINKAGE_WINDOWS = 10.0
"""Number of windows at which the errors weigh as much as the assumed dependence."""
LAGS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
"""Distances between two steps at which correlations are measured."""
_COMMON = (0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_DECAY = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
_GRID = np.array([(common, decay) for common in _COMMON for decay in _DECAY])

Array = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class StepDependence:
    """Correlation of the errors of two steps, which are `lag` steps apart.

    corr(lag) = a + (1 - a) r^lag: all steps share a part of the error, as the level is too high or
    too low for the whole horizon, and the rest fades (an autoregression of order 1). The
    correlation is that of normal scores: a Gaussian copula, so that each step keeps its own
    distribution.
    """

    common: Array
    """(channels,) share a of the error's variance that all steps have in common, 0 to below 1."""
    decay: Array
    """(channels,) correlation r of the rest from step to step, 0 to below 1."""

    @classmethod
    def assume(cls, channels: int) -> "StepDependence":
        """Return the dependence of series without calibration errors."""
        return cls(np.full(channels, ASSUMED_COMMON), np.full(channels, ASSUMED_DECAY))

    @classmethod
    def estimate(cls, errors: Array) -> "StepDependence":
        """Estimate the dependence from errors on calibration windows.

        The correlations at `LAGS` are those about zero, since an error that all windows share is
        dependence as well. Few windows are shrunk towards the assumed dependence.

        Args:
            errors: (windows, horizon, channels) truth minus forecast, comparable between windows;
                NaN where unobserved.
        """
        observed = np.isfinite(errors)
        squares = np.where(observed, errors, 0) ** 2
        size = np.sqrt(squares.sum(0) / np.maximum(observed.sum(0), 1))
        observed &= size > 0
        scores = np.where(observed, errors / np.where(size > 0, size, 1), 0)
        horizon, channels = scores.shape[1:]
        lags = np.array([lag for lag in LAGS if lag < horizon], dtype=int)
        if not len(lags):
            return cls.assume(channels)
        products = np.stack([(scores[:, lag:] * scores[:, :-lag]).sum((0, 1)) for lag in lags])
        pairs = np.stack([(observed[:, lag:] & observed[:, :-lag]).sum((0, 1)) for lag in lags])
        assumed = _correlate(np.array([[ASSUMED_COMMON, ASSUMED_DECAY]]), lags)[0]
        weight = pairs / horizon + SHRINKAGE_WINDOWS
        correlation = (products / horizon + SHRINKAGE_WINDOWS * assumed[:, None]) / weight
        return cls(*_GRID[_find_nearest(correlation, weight, lags)].T)

    def select(self, indices: Sequence[int]) -> "StepDependence":
        """Return the dependence of some channels."""
        return StepDependence(self.common[list(indices)], self.decay[list(indices)])

    def draw(self, count: int, horizon: int, generator: np.random.Generator) -> Array:
        """Draw normal scores (count, horizon, channels): N(0, 1) at each step.

        >>> dependence = StepDependence(np.array([0.5]), np.array([0.5]))
        >>> scores = dependence.draw(100_000, 3, np.random.default_rng(0))[..., 0]
        >>> np.corrcoef(scores.T).round(1)[0].tolist()
        [1.0, 0.7, 0.6]
        """
        channels = len(self.common)
        shared = generator.standard_normal((count, 1, channels))
        rest = generator.standard_normal((count, horizon, channels))
        fresh = np.sqrt(1 - self.decay**2)
        for step in range(1, horizon):
            rest[:, step] = self.decay * rest[:, step - 1] + fresh * rest[:, step]
        return np.sqrt(self.common) * shared + np.sqrt(1 - self.common) * rest


def _correlate(parameters: Array, lags: npt.NDArray[np.int_]) -> Array:
    """Return the correlations (parameters, lags) of pairs of a and r."""
    common, decay = parameters[:, :1], parameters[:, 1:]
    return common + (1 - common) * decay**lags


def _find_nearest(
    correlation: Array, weight: Array, lags: npt.NDArray[np.int_]
) -> npt.NDArray[np.int_]:
    """Return the row of the grid, (channels,), with the least weighted squared distance."""
    curves = _correlate(_GRID, lags)
    # The square of the correlation itself is the same for every row of the grid.
    distance = curves**2 @ weight - 2 * curves @ (weight * correlation)
    return distance.argmin(0)
