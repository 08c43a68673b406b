"""Means over the horizon, computed for a few windows at once, which stay in a processor's cache."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from revin_forecast.shift.dataset import observed_mean

CHUNK_VALUES = 2**15
"""Values of the windows that are reduced at once: 256 KiB in float64."""

Steps = Float[np.ndarray, "windows horizon channels"]
Means = Float[np.ndarray, "windows channels"]


def iter_chunks(values: Steps) -> Iterator[slice]:
    """Yield slices that cover the windows."""
    count = max(1, CHUNK_VALUES // max(1, values[:1].size))
    for first in range(0, len(values), count):
        yield slice(first, first + count)


def divide_by_gain(
    values: np.ndarray, gain: np.ndarray | None, part: slice = slice(None)
) -> np.ndarray:
    """Return values of a chunk of windows divided by the gain of these windows, if there is one.

    Args:
        values: (windows of the chunk, horizon, channels), or the same for all: (1, ...).
        gain: as in `ShiftedWindows.gain`.
        part: the chunk.
    """
    if gain is None:
        return values
    has_windows = gain.ndim == 3 and len(gain) > 1
    return values / (gain[part] if has_windows else gain).astype(values.dtype)


def mean_absolute(values: Steps) -> Means:
    """Return the mean absolute value over the observed steps; NaN without any."""
    means = np.empty((len(values), values.shape[2]))
    for part in iter_chunks(values):
        means[part] = mean_over_steps(np.abs(values[part]))
    return means


def mean_square(values: Steps) -> Means:
    """Return the mean square over the observed steps; NaN without any."""
    total = np.einsum("nhc,nhc->nc", values, values)
    if np.isfinite(total).all():
        return total / values.shape[1]
    return observed_mean(np.square(values), axis=1)


def mean_over_steps(values: Steps) -> Means:
    """Return the mean over the finite steps; NaN without any."""
    total = np.einsum("nhc->nc", values)
    if np.isfinite(total).all():
        return total / values.shape[1]
    return observed_mean(values, axis=1)
