"""What errors that were left over tell: do they lean to one side, do they follow each other?"""

import math

import numpy as np

MIN_OUTLIER_RATIO = 12.0
"""An error so many times as large as nine in ten of the others is one of its own."""
MIN_ERRORS = 10
"""Fewer errors tell nothing."""


def bias_sign(errors: np.ndarray) -> int:
    """Return the side that errors surely lean to, 1 above zero and -1 below, or 0.

    Errors of one path depend on each other: only means of whole paths are counted.

    Args:
        errors: (paths, horizon) truth less forecast, of paths that don't overlap, NaN where
            unobserved.

    >>> leans(np.ones((8, 5)) + np.arange(8)[:, None] / 10)
    1
    """
    seen = np.isfinite(errors)
    counted = seen.any(1)
    means = np.where(seen, errors, 0).sum(1)[counted] / seen.sum(1)[counted]
    if len(means) < 4:
        return 0
    certain = abs(means.mean()) > 3 * means.std(ddof=1) / math.sqrt(len(means))
    return int(np.sign(means.mean())) if certain else 0


def autocorrelation(errors: np.ndarray) -> float:
    """Return the correlation of errors with those one origin before; NaN where there is none.

    Args:
        errors: (origins,) in order, NaN where unobserved.

    >>> round(autocorrelation(np.array([1.0, -1, 1, -1, 1, -1])), 3)
    -1.0
    """
    both = np.isfinite(errors[1:]) & np.isfinite(errors[:-1])
    if both.sum() < 3:
        return math.nan
    now, before = errors[1:][both], errors[:-1][both]
    spread = now.std() * before.std()
    if spread == 0:
        return math.nan
    return float(((now - now.mean()) * (before - before.mean())).mean() / spread)


def largest_outlier(errors: np.ndarray) -> int | None:
    """Return the place of an error that is far beyond the others; None: there is none.

    Args:
        errors: (origins,), NaN where unobserved.

    >>> farthest(np.array([1.0, -1, 2, 1, -2, 1, 99, 1, -1, 1, 1, 2])), farthest(np.ones(12))
    (6, None)
    """
    sizes = np.abs(errors)
    seen = sizes[np.isfinite(sizes)]
    if len(seen) < MIN_ERRORS:
        return None
    usual = np.quantile(seen, 0.9)  # 0 of one that mostly stands still: its steps are no oddity
    place = int(np.nanargmax(sizes))
    return place if 0 < MIN_OUTLIER_RATIO * usual < sizes[place] else None
