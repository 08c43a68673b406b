"""Intervals of a model from its validation errors, and the factors that undo its damping."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

COVERAGES = (0.4, 0.8, 0.95)
"""Nominal coverages of the conformal intervals."""
MAX_WINDOWS = 400
"""Most validation windows that are forecast."""
MIN_WINDOWS = 100
"""Validation windows that are forecast, if there are so many, however few test windows there are:
an interval of 95 % needs 19."""


UNKNOWN_RADII = np.full((len(COVERAGES), 1, 1), np.nan)
"""Without validation windows there are no intervals."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Figures from a run's clean forecasts that the scores of all its cells use."""

    radii: Float[np.ndarray, "coverages #horizon #channels"]
    """Half widths of the intervals of `COVERAGES`; NaN where too few windows were observed."""
    factors: Float[np.ndarray, "horizon #channels"]
    """Factors of the undamped forecasts."""
    block_length: int
    """Windows in a block of the bootstrap."""


def best_factors(
    forecasts: Float[np.ndarray, "windows horizon channels"],
    truth: Float[np.ndarray, "windows horizon channels"],
) -> Float[np.ndarray, "horizon #channels"]:
    """Return the factor k >= 0 with the least squared error of k f: sum(f y) / sum(f^2).

    By step and channel, around 0, the training mean. With a single window the channels are
    replicates, which share a factor. Squares and not absolute errors: the factor of a damped copy
    c f is then k / c but for rounding, so that both have the same undamped forecast. 1 for
    forecasts that are 0 throughout.

    Args:
        forecasts: finite.
        truth: NaN where unobserved.

    >>> best_factors(np.full((4, 1, 1), 0.5), np.full((4, 1, 1), 2.0))
    array([[4.]])
    """
    known = np.isfinite(truth)
    axes = "nhc->h" if len(forecasts) == 1 else "nhc->hc"
    product = np.einsum(axes, forecasts * np.where(known, truth, 0))
    square = np.einsum(axes, np.square(forecasts) * known)
    ratio = np.divide(product, square, out=np.ones_like(product), where=square > 0)
    return np.maximum(ratio, 0).reshape(forecasts.shape[1], -1)


def conformal_radii(
    forecasts: Float[np.ndarray, "windows horizon channels"],
    truth: Float[np.ndarray, "windows horizon channels"],
) -> Float[np.ndarray, "coverages horizon #channels"]:
    """Return the half widths of `COVERAGES` from forecasts of the clean validation windows.

    With a single window the channels are replicates, which share a radius.

    Args:
        forecasts: finite.
        truth: NaN where unobserved.
    """
    errors = np.abs(forecasts - truth)
    if len(errors) == 1:
        errors = errors.transpose(2, 1, 0)
    radii = np.stack([conformal_radius(errors, coverage) for coverage in COVERAGES])
    # All steps of a channel or none, so that no score is about the near steps alone.
    return np.where(np.isfinite(radii).all(axis=1, keepdims=True), radii, np.nan)


def conformal_radius(
    errors: Float[np.ndarray, "windows horizon channels"], coverage: float
) -> Float[np.ndarray, "horizon channels"]:
    """Return the half width of split-conformal intervals by step and channel.

    The ceil((n + 1) coverage)-th smallest of n absolute errors (Lei et al., JASA 2018): the
    coverage is at least nominal if calibration and test windows are exchangeable. NaN where n is
    too small for the coverage.

    Args:
        errors: absolute errors of the calibration windows; NaN where unobserved.
        coverage: nominal coverage, between 0 and 1.

    >>> conformal_radius(np.arange(1.0, 10)[:, None, None], 0.8)
    array([[8.]])
    """
    counts = np.isfinite(errors).sum(axis=0)
    ranks = np.ceil((counts + 1) * coverage - 1e-9).astype(int)
    ordered = np.sort(errors, axis=0)  # NaN last
    places = np.clip(ranks, 1, len(errors)) - 1
    radii = np.take_along_axis(ordered, places[None], axis=0)[0]
    return np.where(ranks <= counts, radii, np.nan)
