"""The energy distance between look-back windows, scale by scale, and its floor without a shift."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from revin_forecast.shift.card.energy_distance import instance_normalize

TYPICAL_WINDOWS = 400
"""Windows of a part. There are more where they would otherwise leave out rows."""

GOLDEN_RATIO = (1 + 5**0.5) / 2

BLOCK_WINDOWS = 4
"""Look-backs in a block of training rows; rows of different blocks hardly depend on each other."""

BLOCK_RANGE = (8, 64)
"""Fewest and most blocks; fewer only where a block would be shorter than a look-back."""

SPLIT_COUNT = 200
"""Random picks of blocks for the floor."""

GRID_POINTS = 256
"""Quantiles at which the splits' distributions are compared."""


@dataclass(frozen=True)
class WindowEnergy:
    """Energy distances between the windows of training and of test rows."""

    raw: float
    """Distance between the windows without a change."""
    instance: float
    """Distance between windows standardized by their own mean and deviation."""
    floor: float
    """Size of `raw` without a shift."""


def measure_window_energy(train: np.ndarray, test: np.ndarray, lookback: int) -> WindowEnergy:
    """Return the energy distances between the look-back windows of two parts of a channel.

    The distance is a mean over scales of the exact energy distances of Haar coefficients
    (`haar_coefficients`): changes from each stretch to the next, and the level. Each scale counts
    half of the next finer one, as it has half as many coefficients. The distance sees other levels,
    spreads, frequencies and autocorrelations. Energy distances of whole windows hardly see the last
    two: in 96 dimensions all windows are about equally far apart, and the noise of the level hides
    the rest.

    Sampling alone makes a distance above 0. How much is estimated from the training rows, by blocks
    picked at random from all over them against the rest. The mean over many picks is subtracted, so
    a distance may be negative. The floor is 1.5 times their deviation, as they are skewed, and at
    least 0.75 times their mean, as few blocks make a deviation uncertain. The first half against
    the second would not do: in data of one year that is winter against summer, and a trend in
    training would hide a trend after it.

    Args:
        train: training rows (time,); NaN is unobserved.
        test: test rows (time,).
        lookback: steps of a window.

    Returns:
        NaN if windows of which half is observed are in fewer than two blocks of the training rows,
        or are fewer than two in the test rows.
    """
    low, high = BLOCK_RANGE
    count = min(
        max(low, min(high, len(train) // (BLOCK_WINDOWS * lookback))), len(train) // lookback
    )
    parts = np.array_split(train, max(count, 1))
    blocks = [_cut_windows(part, lookback, len(train)) for part in parts]
    blocks = [block for block in blocks if len(block)]
    after = _cut_windows(test, lookback, len(test))
    if min(len(blocks), len(after)) < 2:
        return WindowEnergy(np.nan, np.nan, np.nan)
    before = np.concatenate(blocks)
    block_numbers = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    share = len(test) / len(train)
    raw, raw_noise = _measure(before, after, block_numbers, share)
    instance, instance_noise = _measure(
        instance_normalize(before), instance_normalize(after), block_numbers, share
    )
    return WindowEnergy(
        raw - raw_noise.mean(),
        instance - instance_noise.mean(),
        1.5 * max(raw_noise.std(), raw_noise.mean() / 2),
    )


def haar_coefficients(windows: np.ndarray) -> list[np.ndarray]:
    """Return the Haar coefficients of windows (windows, time) by scale, the finest first.

    At the scale of m = 1, 2, 4, ... steps these are sqrt(m / 2) (mean of m steps - mean of the m
    steps before), one for each whole pair of stretches, and at last sqrt(time) times the window's
    mean (Haar, 1910). For white noise of deviation 1 all have deviation 1. The mean of a stretch is
    over its observed steps.

    Returns:
        (windows, positions) of each scale, NaN where less than half of a stretch is observed.
    """
    observed = np.isfinite(windows)
    sums, counts = np.where(observed, windows, 0), observed.astype(float)
    steps, stretch = windows.shape[1], 1
    mean = _divide_observed(sums.sum(axis=1), counts.sum(axis=1), steps)
    scales: list[np.ndarray] = []
    while 2 * stretch <= steps:
        paired = sums.shape[1] // 2 * 2
        means = _divide_observed(sums, counts, stretch)[:, :paired]
        scales.append(np.sqrt(stretch / 2) * (means[:, 1::2] - means[:, ::2]))
        sums, counts = (part[:, :paired:2] + part[:, 1:paired:2] for part in (sums, counts))
        stretch *= 2
    return [*scales, np.sqrt(steps) * mean[:, None]]


def scalar_energy_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return 2 E|A - B| - E|A - A'| - E|B - B'| of two samples of numbers, exactly.

    It is 2 times the integral of (F - G)^2 over the two distribution functions (Szekely & Rizzo,
    2013), which takes a sort. A value is also paired with itself: never negative.
    """
    values = np.concatenate([first, second])
    order = np.argsort(values)
    steps = np.r_[np.full(len(first), 1 / len(first)), np.full(len(second), -1 / len(second))]
    return 2 * float(steps[order].cumsum()[:-1] ** 2 @ np.diff(values[order]))


def _cut_windows(rows: np.ndarray, lookback: int, part_rows: int) -> np.ndarray:
    """Return windows (windows, lookback) all over the rows that are at least half observed.

    Args:
        rows: (time,) rows of a block.
        lookback: steps of a window.
        part_rows: rows of the part that the block belongs to; they decide how windows overlap.
    """
    if len(rows) < lookback:
        return np.empty((0, lookback))
    all_windows = sliding_window_view(rows, lookback)
    stride = max(1, min(lookback, part_rows // TYPICAL_WINDOWS))
    number = np.arange(max(1, len(all_windows) // stride))
    # One from each stretch. Multiples of the golden ratio spread evenly over the places in it, and
    # so over the phases of any season (Weyl, 1916); equal steps could all have the same phase.
    windows = all_windows[((number + number * GOLDEN_RATIO % 1) * stride).astype(int)]
    return windows[np.isfinite(windows).mean(axis=1) >= 0.5]


def _measure(
    before: np.ndarray, after: np.ndarray, block_numbers: np.ndarray, share: float
) -> tuple[float, np.ndarray]:
    """Return the distance of two sets of windows, and distances (splits,) without a shift.

    Args:
        before: (windows, lookback) of the training rows.
        after: (windows, lookback) of the test rows.
        block_numbers: (windows,) block of each window before, from 0 on.
        share: rows of test by rows of training.
    """
    distance, noise = 0.0, np.zeros(SPLIT_COUNT)
    is_picked, factor = _draw_splits(int(block_numbers.max()) + 1, share)
    scales = list(zip(haar_coefficients(before), haar_coefficients(after), strict=True))
    weights = 0.5 ** np.arange(len(scales))
    for weight, (early, late) in zip(weights / weights.sum(), scales, strict=True):
        is_early, is_late = np.isfinite(early), np.isfinite(late)
        if not (is_early.any() and is_late.any()):
            continue
        values = early[is_early]
        distance += weight * scalar_energy_distance(values, late[is_late])
        blocks = np.broadcast_to(block_numbers[:, None], early.shape)[is_early]
        noise += weight * factor * _split_distances(values, blocks, is_picked)
    return distance, noise


def _draw_splits(blocks: int, share: float) -> tuple[np.ndarray, float]:
    """Return random sets of blocks (splits, blocks), and a factor for their distances.

    A set has one of each few neighbours, so that slow moves within training do not count as noise.
    A distance without a shift is proportional to 1 / rows + 1 / rows of the two parts. The factor
    is that sum for training and test, divided by that sum for the two parts of a split.
    """
    picked = int(np.clip(round(share * blocks), 1, blocks // 2))
    random = np.random.default_rng(0).random((SPLIT_COUNT, blocks))
    is_picked = np.zeros(random.shape, bool)
    for group in np.array_split(np.arange(blocks), picked):
        chosen = group[random[:, group].argmax(axis=1)]
        is_picked[np.arange(SPLIT_COUNT), chosen] = True
    part = picked / blocks
    return is_picked, (1 + 1 / share) / (1 / part + 1 / (1 - part))


def _split_distances(values: np.ndarray, blocks: np.ndarray, is_picked: np.ndarray) -> np.ndarray:
    """Return the energy distance of the picked blocks from the others, (splits,).

    Args:
        values: (n,) coefficients.
        blocks: (n,) their blocks.
        is_picked: (splits, blocks).
    """
    # The distribution function of each block, at quantiles of all.
    grid = np.unique(np.sort(values)[:: max(1, len(values) // GRID_POINTS)])
    shape = is_picked.shape[1], len(grid) + 1
    cells = blocks * shape[1] + np.searchsorted(grid, values)
    counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    below, sizes = counts.cumsum(axis=1)[:, :-1], counts.sum(axis=1)
    picked_sizes = is_picked @ sizes
    is_defined = (picked_sizes > 0) & (picked_sizes < sizes.sum())
    shares = np.where(
        is_picked,
        1 / np.maximum(picked_sizes, 1)[:, None],
        -1 / np.maximum(sizes.sum() - picked_sizes, 1)[:, None],
    )
    gaps = (shares @ below)[:, :-1] ** 2
    return np.where(is_defined, 2 * gaps @ np.diff(grid), 0)


def _divide_observed(sums: np.ndarray, counts: np.ndarray, steps: int) -> np.ndarray:
    """Return means, NaN where less than half of the steps are observed."""
    empty = np.full(sums.shape, np.nan)
    return np.divide(sums, counts, out=empty, where=counts >= max(1, steps / 2))
