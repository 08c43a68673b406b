"""Treatment of unobserved values: keep them, interpolate them or reject them."""

import numpy as np
import torch
from torch import Tensor

from revin_forecast.shapes import Future, Past


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


def hide_lookahead_fill(past: Past, future: Future, filled: Tensor) -> tuple[Past, Future]:
    """Replace values of windows that were interpolated from later values by NaN.

    In the future these are all filled values: none was measured, so none is scored. In the past
    they are those after the last measured one, whose line ends in the future. Earlier lines end
    within the past, so they were known at the origin.

    Args:
        past: (windows, lookback, channels).
        future: (windows, horizon, channels).
        filled: (windows, lookback + horizon, channels) True where interpolated.

    >>> past, future = torch.arange(4.0).reshape(1, 4, 1), torch.arange(4.0, 6).reshape(1, 2, 1)
    >>> filled = torch.tensor([0, 1, 0, 1, 1, 0], dtype=torch.bool).reshape(1, 6, 1)
    >>> [part.flatten().tolist() for part in hide_lookahead_fill(past, future, filled)]
    [[0.0, 1.0, 2.0, nan], [nan, 5.0]]
    """
    lookback = past.shape[1]
    before, after = filled[:, :lookback], filled[:, lookback:]
    # A running product from the end is 1 as long as all later values were filled.
    trailing = before.flip(1).long().cumprod(1).flip(1).bool()
    return past.masked_fill(trailing, torch.nan), future.masked_fill(after, torch.nan)
