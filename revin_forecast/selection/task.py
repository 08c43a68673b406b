"""`SelectionTask`: the values that a selection forecasts, and how they are split."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class SelectionTask:
    """The values to forecast, and how they are split."""

    values: np.ndarray
    """(time, channels) standardized float64, NaN where unobserved."""
    train: int
    """Number of training rows, counted from the first; the rest is validation."""
    horizon: int
    """Steps to forecast."""
    seasons: tuple[int, ...] = ()
    """Likely season lengths in steps, the main season first."""
    targets: tuple[int, ...] | None = None
    """Indices of the channels to forecast; the others are inputs only. None: all."""
    filled: np.ndarray | None = None
    """(time, channels) True where a gap was interpolated; such values are not scored."""
    zero: np.ndarray | None = None
    """(channels,) standardized value that stands for 0 in the table's units; None: unknown."""

    @property
    def channels(self) -> int:
        """Number of channels, inputs included."""
        return self.values.shape[1]
