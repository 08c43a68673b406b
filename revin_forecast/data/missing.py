"""What becomes of values that were not observed: left as they are, interpolated, or refused."""

from typing import Literal

import numpy as np

Missing = Literal["observed", "interpolate", "error"]


def first_gap(observed: np.ndarray, required: np.ndarray) -> tuple[int, int] | None:
    """Return row and channel of the earliest value that is required but not observed.

    >>> observed = np.array([[True, True], [True, False]])
    >>> first_gap(observed, np.ones((2, 2), dtype=bool))
    (1, 1)
    """
    gaps = required & ~observed
    if not gaps.any():
        return None
    row, channel = divmod(int(gaps.argmax()), gaps.shape[1])
    return row, channel


def interpolated(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Fill gaps on a line between the observed values around them, straight in time.

    What lies before a channel's first observed value or after its last stays unobserved.

    Args:
        values: (time, channels), NaN where unobserved.
        at: (time,) when; ascending.

    >>> interpolated(np.array([[np.nan], [1.0], [np.nan], [4.0]]), np.array([0, 1, 2, 4]))
    array([[nan],
           [ 1.],
           [ 2.],
           [ 4.]])
    """
    observed = np.isfinite(values)
    rows = np.arange(len(values))[:, None]
    before = np.maximum.accumulate(np.where(observed, rows, -1), axis=0)
    after = np.minimum.accumulate(np.where(observed, rows, len(values))[::-1], axis=0)[::-1]
    row, channel = np.nonzero(~observed & (before >= 0) & (after < len(values)))
    start, stop = before[row, channel], after[row, channel]
    # Counted from the gap's start: differences of time stamps are exact, the stamps as floats not.
    share = (at[row] - at[start]) / (at[stop] - at[start])
    filled = values.copy()
    # Two products rather than a slope: the difference of two large values may overflow.
    filled[row, channel] = values[start, channel] * (1 - share) + values[stop, channel] * share
    return filled
