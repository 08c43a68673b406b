"""Treatment of unobserved values: keep them, interpolate them or reject them."""

import numpy as np


def find_first_gap(observed: np.ndarray, required: np.ndarray) -> tuple[int, int] | None:
    """Return row and channel of the earliest value that is required but not observed.

    >>> observed = np.array([[True, True], [True, False]])
    >>> find_first_gap(observed, np.ones((2, 2), dtype=bool))
    (1, 1)
    """
    gaps = required & ~observed
    if not gaps.any():
        return None
    row, channel = divmod(int(gaps.argmax()), gaps.shape[1])
    return row, channel


def interpolate(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Fill gaps by linear interpolation in time between the observed values around them.

    Values before a channel's first observed value and after its last one stay unobserved.

    Args:
        values: (time, channels), NaN where unobserved.
        times: (time,) ascending.

    >>> interpolate(np.array([[np.nan], [1.0], [np.nan], [4.0]]), np.array([0, 1, 2, 4]))
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
    # Relative to the gap's start: differences of timestamps are exact, float timestamps are not.
    share = (times[row] - times[start]) / (times[stop] - times[start])
    filled = values.copy()
    # Two products rather than a slope: the difference of two large values may overflow.
    filled[row, channel] = values[start, channel] * (1 - share) + values[stop, channel] * share
    return filled
