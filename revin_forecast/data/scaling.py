from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Standardizer:
    """z-score by channel, with mean and deviation of the training rows only.

    In float64 until the result is standardized, so that float32 loses nothing of a large level.
    """

    mean: np.ndarray
    """(channels,) float64."""
    scale: np.ndarray
    """(channels,) float64, population deviation; 1 where it is 0 or nothing was observed."""

    @classmethod
    def fit(cls, values: np.ndarray) -> "Standardizer":
        """Take mean and deviation of the observed values of (time, channels); NaN is unobserved."""
        observed = np.isfinite(values)
        count = np.maximum(observed.sum(axis=0), 1)
        # Scaled by the largest value first, so that neither the sum nor the squares overflow.
        unit = np.max(np.abs(values), axis=0, where=observed, initial=0)
        unit = np.where(unit > 0, unit, 1.0)
        small = np.where(observed, values / unit, 0)
        mean = small.sum(axis=0) / count
        variance = np.where(observed, small - mean, 0).__pow__(2).sum(axis=0) / count
        scale = np.sqrt(variance) * unit
        return cls(mean * unit, np.where(scale > 0, scale, 1.0))

    def select(self, channels: Sequence[int]) -> "Standardizer":
        """Return the part for some channels."""
        return Standardizer(self.mean[list(channels)], self.scale[list(channels)])

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return (values - mean) / scale."""
        return (values - self.mean) / self.scale

    def tensor(self, values: np.ndarray) -> Tensor:
        """Return standardized float32 values."""
        return torch.from_numpy(self.transform(values).astype(np.float32))

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """Return values in the data's units, float64."""
        return values.astype(np.float64) * self.scale + self.mean
