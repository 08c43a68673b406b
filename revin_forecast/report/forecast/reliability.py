"""What errors that were left over tell: do they lean to one side, do they follow each other?"""

import math

import numpy as np


def lean(errors: np.ndarray) -> tuple[float, bool]:
    """Return the mean error, and whether it is surely not zero.

    Errors of one path depend on each other: only means of whole paths are counted.

    Args:
        errors: (paths, horizon) truth less forecast, NaN where unobserved.

    >>> mean, certain = lean(np.ones((8, 5)) + np.arange(8)[:, None] / 10)
    >>> round(mean, 3), certain
    (1.35, True)
    """
    seen = np.isfinite(errors)
    if not seen.any():
        return math.nan, False
    counted = seen.any(1)
    means = np.where(seen, errors, 0).sum(1)[counted] / seen.sum(1)[counted]
    mean = float(np.where(seen, errors, 0).sum() / seen.sum())
    if len(means) < 4:
        return mean, False
    return mean, bool(abs(means.mean()) > 3 * means.std(ddof=1) / math.sqrt(len(means)))


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
