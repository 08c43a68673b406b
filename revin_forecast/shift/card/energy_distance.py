"""The energy distance between two sets of windows: unbiased, and defined with gaps."""

import numpy as np

MAX_WINDOWS = 400
"""Limit on the windows of a set, as the distances of all pairs are computed."""

MIN_FLOORS = 3
"""A distance below this many floors is not a shift, and has no removable fraction."""


def sample_starts(count: int, max_starts: int = MAX_WINDOWS, seed: int = 0) -> np.ndarray:
    """Return up to `max_starts` of 0 .. count - 1, one from each of as many equal stretches.

    The position in a stretch is random: with equal steps all starts could have one seasonal phase.
    """
    if count <= max_starts:
        return np.arange(max(count, 0))
    edges = np.linspace(0, count, max_starts + 1)
    within = np.random.default_rng(seed).random(max_starts)
    return (edges[:-1] + within * np.diff(edges)).astype(int)


def instance_normalize(windows: np.ndarray) -> np.ndarray:
    """Return windows (windows, time) standardized by their own mean and deviation; constant: 0."""
    if not len(windows):
        return windows
    centred = windows - np.nanmean(windows, axis=1, keepdims=True)
    deviation = np.nanstd(windows, axis=1, keepdims=True)
    # The deviation of a constant window is its rounding error, which must not be scaled up to 1.
    level = np.nanmax(np.abs(windows), axis=1, keepdims=True)
    is_constant = deviation <= 1e-9 * np.maximum(level, 1e-300)
    return np.where(is_constant, centred * 0, centred / np.where(is_constant, 1, deviation))


def pairwise_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return (n, m) root mean squared differences of windows (n, time) and (m, time).

    The mean is over the steps observed in both windows, NaN for a pair without any. Without gaps
    the result is the Euclidean distance divided by the root of the length.
    """
    is_observed_first, is_observed_second = np.isfinite(first), np.isfinite(second)
    a, b = np.where(is_observed_first, first, 0), np.where(is_observed_second, second, 0)
    # The common case without gaps needs one matrix product instead of four.
    if is_observed_first.all() and is_observed_second.all():
        squares = (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)
        return np.sqrt(np.maximum(squares, 0) / a.shape[1])
    weights_first, weights_second = (
        is_observed_first.astype(float),
        is_observed_second.astype(float),
    )
    shared_steps = weights_first @ weights_second.T
    squares = (a**2) @ weights_second.T - 2 * a @ b.T + weights_first @ (b**2).T
    empty = np.full(shared_steps.shape, np.nan)
    mean = np.divide(squares, shared_steps, where=shared_steps > 0, out=empty)
    return np.sqrt(np.maximum(mean, 0))


def energy_distance(
    first: np.ndarray, second: np.ndarray, phases: tuple[np.ndarray, np.ndarray] | None = None
) -> float:
    """Return 2 E|A - B| - E|A - A'| - E|B - B'| of two sets of windows (windows, time).

    (Szekely & Rizzo, 2013), with the distances of `pairwise_distances`. Unbiased: no window is
    paired with itself, so the result may be negative. NaN if a set has fewer than two windows.

    Args:
        first: A.
        second: B.
        phases: seasonal phase of each window of A and of B. Only windows of equal phase are
            paired, so that two sets do not differ merely by the share of their phases.
    """
    if min(len(first), len(second)) < 2:
        return float("nan")
    first_phases, second_phases = phases or (np.zeros(len(first)), np.zeros(len(second)))
    across = _mean_over_pairs(pairwise_distances(first, second), first_phases, second_phases)
    return (
        2 * across
        - _mean_distance_within(first, first_phases)
        - _mean_distance_within(second, second_phases)
    )


def removable_fraction(raw: float, instance: float, floor: float) -> float:
    """Return 1 - instance / raw: the share of a shift that instance normalization removes.

    NaN without a shift: where the raw distance is below `MIN_FLOORS` floors.
    """
    if not raw > 0 or raw < MIN_FLOORS * floor:
        return float("nan")
    return 1 - instance / raw


def _mean_distance_within(windows: np.ndarray, phases: np.ndarray | None = None) -> float:
    """Return the mean distance between different windows of a set."""
    square = pairwise_distances(windows, windows)
    # A window's distance to itself is 0 and would bias the mean.
    np.fill_diagonal(square, np.nan)
    phases = np.zeros(len(windows)) if phases is None else phases
    return _mean_over_pairs(square, phases, phases)


def _mean_over_pairs(matrix: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> float:
    """Return the mean over pairs of equal phase with a shared step; NaN without any."""
    counted = np.isfinite(matrix) & (rows[:, None] == columns)
    total = int(counted.sum())
    return float(matrix[counted].sum() / total) if total else float("nan")
