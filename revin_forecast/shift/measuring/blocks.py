"""Means over blocks of consecutive windows: enough for an interval, in a fraction of the space."""

import numpy as np
from jaxtyping import Float, Float32

MIN_BLOCKS = 2
"""Fewer blocks have no spread."""
MAX_BLOCK_CHANNELS = 32
"""Data sets with more channels have no block means by channel, which would fill the store."""


def block_means(
    values: Float[np.ndarray, "windows columns"], block_length: int
) -> Float32[np.ndarray, "blocks columns"]:
    """Return the mean of each block of about `block_length` consecutive windows.

    All models have the same windows in a cell, and so the same blocks. They do not overlap, so
    they can be resampled one by one. NaN is left out; without two whole blocks there are none.

    >>> block_means(np.array([[1.0], [3.0], [5.0], [np.nan], [7.0]]), 2)
    array([[2.],
           [6.]], dtype=float32)
    """
    count = len(values) // block_length
    if count < MIN_BLOCKS:
        return np.zeros((0, values.shape[1]), dtype=np.float32)
    first = np.arange(count) * len(values) // count
    is_known = np.isfinite(values)
    sums = np.add.reduceat(np.where(is_known, values, 0), first, axis=0)
    sizes = np.add.reduceat(is_known.astype(np.int64), first, axis=0)
    means = np.divide(sums, sizes, out=np.full(sums.shape, np.nan), where=sizes > 0)
    return means.astype(np.float32)
