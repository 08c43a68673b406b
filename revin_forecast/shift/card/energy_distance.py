"""How far two sets of windows lie apart: the energy distance, through gaps, without bias."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

MAX_WINDOWS = 400
"""Most windows of a set; distances between all pairs of them are taken."""

MAX_BLOCKS = 16
"""Most blocks that training rows are cut into for the floor."""

MIN_FLOORS = 3
"""A distance below this many floors is no shift that could be divided up."""


def sample_starts(count: int, max_starts: int = MAX_WINDOWS, seed: int = 0) -> np.ndarray:
    """Return at most `most` of 0 .. count - 1, one drawn from each of as many equal stretches.

    Drawn, since equal steps would meet a season always in the same phases.
    """
    if count <= max_starts:
        return np.arange(max(count, 0))
    edges = np.linspace(0, count, max_starts + 1)
    within = np.random.default_rng(seed).random(max_starts)
    return (edges[:-1] + within * np.diff(edges)).astype(int)


def lookback_windows(
    values: np.ndarray, lookback: int, max_windows: int = MAX_WINDOWS
) -> np.ndarray:
    """Return (windows, lookback) windows of a channel (time,), those at least half observed."""
    if len(values) < lookback:
        return np.empty((0, lookback))
    every = sliding_window_view(values, lookback)
    chosen = every[sample_starts(len(every), max_windows)]
    return chosen[np.isfinite(chosen).mean(axis=1) >= 0.5]


def instance_normalize(windows: np.ndarray) -> np.ndarray:
    """Return each window (windows, time) less its mean, by its deviation; a constant one is 0."""
    if not len(windows):
        return windows
    centred = windows - np.nanmean(windows, axis=1, keepdims=True)
    deviation = np.nanstd(windows, axis=1, keepdims=True)
    # A constant window has a rounding error as deviation; it must not be blown up to 1.
    level = np.nanmax(np.abs(windows), axis=1, keepdims=True)
    constant = deviation <= 1e-9 * np.maximum(level, 1e-300)
    return np.where(constant, centred * 0, centred / np.where(constant, 1, deviation))


def pairwise_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return (n, m) distances of windows (n, time) and (m, time): the root mean squared difference.

    The mean is over the steps observed in both, NaN for a pair without any. For windows without
    gaps it is the Euclidean distance by the root of their length.
    """
    seen, also = np.isfinite(first), np.isfinite(second)
    one, two = np.where(seen, first, 0), np.where(also, second, 0)
    if seen.all() and also.all():
        squares = (one**2).sum(1)[:, None] - 2 * one @ two.T + (two**2).sum(1)
        return np.sqrt(np.maximum(squares, 0) / one.shape[1])
    both = seen.astype(float) @ also.T.astype(float)
    squares = (one**2) @ also.T - 2 * one @ two.T + seen.astype(float) @ (two**2).T
    mean = np.divide(squares, both, where=both > 0, out=np.full(both.shape, np.nan))
    return np.sqrt(np.maximum(mean, 0))


def energy_distance(
    first: np.ndarray, second: np.ndarray, phases: tuple[np.ndarray, np.ndarray] | None = None
) -> float:
    """Return 2 E|A - B| - E|A - A'| - E|B - B'| of two sets of windows (windows, time).

    (Szekely & Rizzo, 2013), with the distances of `distances`. Unbiased: no window is paired with
    itself, so it may come out below 0. NaN where a set has fewer than two windows.

    Args:
        first: A.
        second: B.
        phases: a number for each window of A and of B; only windows of one phase are paired, so
            that a set with more mornings than the other is not far from it for that alone.
    """
    if min(len(first), len(second)) < 2:
        return float("nan")
    of_first, of_second = phases or (np.zeros(len(first)), np.zeros(len(second)))
    across = _mean_over_pairs(pairwise_distances(first, second), of_first, of_second)
    return (
        2 * across
        - _mean_distance_within(first, of_first)
        - _mean_distance_within(second, of_second)
    )


def energy_floor(values: np.ndarray, lookback: int) -> float:
    """Return the energy distance between the halves of a channel's training rows (time,).

    What windows differ by while nothing has shifted; other distances are read as multiples of it.
    The halves are alternate blocks: the first half of a year against its second would be summer
    against winter, and a trend within training would hide the one after it.

    Never below E|A - A'| / n + E|B - B'| / m, the size of what sampling n and m windows adds.
    """
    blocks = max(2, min(MAX_BLOCKS, len(values) // (2 * lookback)))
    parts = np.array_split(values, blocks - blocks % 2)
    most = MAX_WINDOWS // (len(parts) // 2)
    windows = [lookback_windows(part, lookback, most) for part in parts]
    halves = np.concatenate(windows[::2]), np.concatenate(windows[1::2])
    found = energy_distance(*halves)
    if np.isnan(found):
        return found
    return max(found, sum(_mean_distance_within(half) / len(half) for half in halves))


def removable_fraction(raw: float, instance: float, floor: float) -> float:
    """Return 1 - instance / raw: how much of a shift is gone once windows are normalized.

    NaN where the raw distance is no shift: below `FLOORS` floors.
    """
    if not raw > 0 or raw < MIN_FLOORS * floor:
        return float("nan")
    return 1 - instance / raw


def _mean_distance_within(windows: np.ndarray, phases: np.ndarray | None = None) -> float:
    """Return the mean distance between different windows of a set."""
    square = pairwise_distances(windows, windows)
    np.fill_diagonal(square, np.nan)
    phases = np.zeros(len(windows)) if phases is None else phases
    return _mean_over_pairs(square, phases, phases)


def _mean_over_pairs(matrix: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> float:
    """Return the mean over pairs of one phase that share a step; NaN without any."""
    counted = np.isfinite(matrix) & (rows[:, None] == columns)
    total = int(counted.sum())
    return float(matrix[counted].sum() / total) if total else float("nan")
