"""Detection of intermittent series, most of whose values are zero."""

import numpy as np

MIN_ZERO_SHARE = 0.5
"""Share of zeros above which a series is intermittent."""
MIN_POSITIVE_VALUES = 2
"""Fewest positive values of an intermittent series."""
END_RATIO = 1.5
"""Rows since the last positive value, in longest earlier distances, above which it has ended."""
MAX_SEASONAL_SHARE = 0.5
"""Share of the variance of the occurrence above which the season explains the zeros."""


def is_intermittent(values: np.ndarray, season: int = 1) -> np.ndarray:
    """Return which series are intermittent, (channels,).

    More than half of the observed values are zero, none is negative and at least two are positive.
    A series whose zeros follow a season is not intermittent, such as solar power at night: the
    phase of the season explains more than half of the variance of x > 0, corrected for the number
    of phases (adjusted R²). Nor is one that has ended: a mean rate would go on for ever.

    Args:
        values: (time, channels) in the table's units; NaN where unobserved.
        season: steps in the season of the table; 1 without one.

    >>> sold = np.array([0, 0, 3, 0, 0, 1, 0, 0.0])
    >>> sun = np.array([0, 0, 0, 5, 0, 0, 0, 7.0])
    >>> values = np.stack([sold, sun, sold - 1], axis=1)
    >>> is_intermittent(values, season=4).tolist()
    [True, False, False]
    """
    observed = np.isfinite(values)
    count = np.maximum(observed.sum(0), 1)
    occurs = observed & (np.where(observed, values, 0) > 0)
    is_negative = (np.where(observed, values, 0) < 0).any(0)
    zero_share = (observed & ~occurs).sum(0) / count
    candidates = ~is_negative & (zero_share > MIN_ZERO_SHARE) & ~_has_ended(occurs)
    candidates &= occurs.sum(0) >= MIN_POSITIVE_VALUES
    if 1 < season <= len(values) // 2 and candidates.any():
        share = _seasonal_share(occurs[:, candidates], observed[:, candidates], season)
        candidates[candidates] = share <= MAX_SEASONAL_SHARE
    return candidates


def _has_ended(occurs: np.ndarray) -> np.ndarray:
    """Return whether more rows follow the last positive value than any two had between them."""
    rows = len(occurs)
    has_ended = np.zeros(occurs.shape[1], dtype=bool)
    for channel, column in enumerate(occurs.T):
        places = np.flatnonzero(column)
        if len(places) >= MIN_POSITIVE_VALUES:
            longest = int(np.diff(places).max())
            has_ended[channel] = rows - 1 - places[-1] > END_RATIO * longest
    return has_ended


def _seasonal_share(occurs: np.ndarray, observed: np.ndarray, season: int) -> np.ndarray:
    """Return the adjusted share of the variance of the occurrence that the phase explains."""
    padding = ((0, -len(occurs) % season), (0, 0))
    shape = (-1, season, occurs.shape[1])
    count = np.pad(observed, padding).reshape(shape).sum(0)  # (season, channels)
    positive = np.pad(occurs, padding).reshape(shape).sum(0)
    total = count.sum(0)
    mean = positive.sum(0) / total
    phase_mean = positive / np.maximum(count, 1)
    explained = (count * (phase_mean - mean) ** 2).sum(0) / total / (mean * (1 - mean))
    phases = (count > 0).sum(0)
    return 1 - (1 - explained) * (total - 1) / np.maximum(total - phases, 1)
