"""Values far beyond all others, such as typing errors and a sensor's mark for "missing"."""

from dataclasses import dataclass

import numpy as np

FILLS = np.array(
    [
        *(-9999.0, -999.0, -99999.0, -999999.0, -9999999.0, -99.9, -99.99, -999.9, -999.99),
        *(-9999.9, -9999.99, -8888.0, -88888.0, 9999.0, 99999.0, 999999.0, 9999999.0, 99999999.0),
        *(9999.9, 9999.99, 99999.9, 99999.99, 8888888.0, 32767.0, -32768.0, 65535.0),
        *(2.0**31 - 1, -(2.0**31), 2.0**32 - 1, -(2.0**63), 2.0**63),
        *(1e20, -1e20, 1e30, -1e30, 1e35, -1e35, 1e36, -1e36, 1e37, -1e37),
        *(9.969209968386869e36, 9.96921e36, 9.96920997e36, 9.96920996838687e36),
        *(-9.969209968386869e36, -9.96921e36, -9.96920997e36, -9.96920996838687e36),
        *(3.4028234663852886e38, -3.4028234663852886e38, 3.4e38, -3.4e38, 3.4028235e38),
        *(-3.4028235e38, 3.40282347e38, -3.40282347e38, 3.402823e38, -3.402823e38),
        *(1.7976931348623157e308, -1.7976931348623157e308, -1e34, 1e34, 1e33),
    ]
)
"""Numbers that programs write for a value that was not measured: of weather services, of 16, 32 and
64 bits, of netCDF, GRIB and geographic grids."""
MIN_CERTAIN_FILL = 2.0**31 - 1
"""A fill of this size is one also in a channel that is 0 elsewhere, which has no scale."""
MIN_FILL_RATIO = 10.0
"""Distance of a fill from the median, in largest distances of the other values."""
MIN_NEGATIVE_FILL_RATIO = 2.0
"""The same for a negative fill where no other value is negative."""
MIN_RATIO = 2e3
"""Distance of any other outlier from the median, in largest distances of the values kept. More than
a thousand, so that grams after kilograms are kept."""
LIMIT_RATIO = MIN_RATIO / 2 - 2
"""Size of any other outlier, in largest sizes of the other values, is more than this."""
MIN_RATIO_OF_FEW = 1e6
"""The same if fewer than `MIN_EVIDENCE` values give the scale."""
MIN_EVIDENCE = 20
MIN_OTHERS = 3
"""Fewest other values by which one can be judged."""
MIN_VALUES_PER_OUTLIER = 4
"""Fewest values for each outlier in a channel of few."""
MAX_SHARE, MAX_COUNT_OF_FEW = 0.01, 3
"""Most outliers of a channel, except fills: as a share of its values, and in a short one."""
MAX_STRETCH = 3
"""Longest stretch of consecutive outliers, except fills; a longer one is a new level."""
REDUCED_COLUMNS = 1024
"""Values in an inner loop over rows."""
SAMPLE_ROWS = 128
"""Rows by which most channels are found to have no outlier."""
MAX_SAMPLE_COUNT = 12
"""Outliers expected in the sample of a channel at most."""


@dataclass(frozen=True, eq=False)
class ChannelOutliers:
    """The outliers of one channel."""

    channel: int
    rows: np.ndarray
    """Their rows, ascending."""


def find_outliers(values: np.ndarray, seen: np.ndarray | None = None) -> list[ChannelOutliers]:
    """Find values that are so far beyond all others of their channel that they are mistakes.

    Such a value is farther from the median than `MIN_RATIO` times all other values of its channel,
    or than the size of the median if that is more; in a channel with heavy tails even farther. It
    is one of few, and not part of a stretch of four or more such values, which is a new level. For
    a number that programs write in place of a missing value (`FILLS`), `MIN_FILL_RATIO` suffices,
    and it may be frequent. Infinities are ignored.

    Args:
        values: (rows, channels) in time order, NaN where unobserved.
        seen: (rows, channels) further values, which are known to be usual; None without such.

    >>> sold = np.array([[5.0], [7], [-9999], [6], [4], [8], [-9999]])
    >>> [(found.channel, found.rows.tolist()) for found in find_outliers(sold)]
    [(0, [2, 6])]
    """
    if not values.size:
        return []
    found: list[ChannelOutliers] = []
    for channel in _find_doubtful_channels(values, seen):
        usual = None if seen is None else seen[:, channel]
        rows = find_channel_outliers(values[:, channel], usual)
        if len(rows):
            found.append(ChannelOutliers(int(channel), rows))
    return found


def find_stacked_outliers(values: np.ndarray, starts: np.ndarray) -> list[ChannelOutliers]:
    """Find the outliers of series of different lengths that follow each other.

    Args:
        values: (rows,) each series in time order, NaN where unobserved.
        starts: (series,) row at which each one begins, ascending from 0.

    Returns:
        The outliers of each series that has some, with the numbers of the series as channels and
        rows of `values`.
    """
    if not len(values):
        return []
    high, low = np.fmax.reduceat(values, starts), np.fmin.reduceat(values, starts)
    with np.errstate(invalid="ignore"):
        size = np.maximum(np.abs(high), np.abs(low))
    lengths = np.diff([*starts, len(values)])
    is_far = np.abs(values) > np.repeat(size / LIMIT_RATIO, lengths)
    count = np.add.reduceat(is_far.astype(int), starts)
    most = np.maximum(MAX_COUNT_OF_FEW, MAX_SHARE * lengths)
    doubtful = np.isin(high, FILLS) | np.isin(low, FILLS) | np.isinf(size) | (count <= most)
    found: list[ChannelOutliers] = []
    for number in np.flatnonzero(doubtful):
        start = int(starts[number])
        rows = find_channel_outliers(values[start : start + lengths[number]])
        if len(rows):
            found.append(ChannelOutliers(int(number), rows + start))
    return found


def find_channel_outliers(values: np.ndarray, seen: np.ndarray | None = None) -> np.ndarray:
    """Return the rows of one channel's outliers, ascending; see `find_outliers`.

    Args:
        values: (rows,).
        seen: (rows,) further values, which are known to be usual.
    """
    rows = np.flatnonzero(np.isfinite(values))
    usual = np.empty(0) if seen is None else seen[np.isfinite(seen)]
    kept = np.concatenate([values[rows], usual])
    is_own = np.arange(len(kept)) < len(rows)
    is_outlier = np.zeros(len(kept), dtype=bool)
    # A fill may hide behind a typing error, and the other way round.
    while True:
        new = _find_fills(kept, is_outlier)
        if new is None:
            new = _find_far_values(kept, is_outlier, is_own)
        if new is None:
            return rows[is_outlier[: len(rows)]]
        is_outlier[new] = True


def _find_doubtful_channels(values: np.ndarray, seen: np.ndarray | None) -> np.ndarray:
    """Return the channels that may have outliers: few values are as large as theirs.

    This costs little more than finding the largest value of each channel.
    """
    high, low = _find_extremes(values)
    with np.errstate(invalid="ignore"):
        size = np.maximum(np.abs(high), np.abs(low))
    doubtful = np.isin(high, FILLS) | np.isin(low, FILLS) | np.isinf(size)
    limit = size / LIMIT_RATIO
    sample = values[np.unique(np.linspace(0, len(values) - 1, SAMPLE_ROWS).astype(int))]
    others = [values] if seen is None else [values, seen]
    if seen is not None:
        sample = np.concatenate([sample, seen[-SAMPLE_ROWS:]])
    may_be_far = ~doubtful & (_count_larger(sample, limit) <= MAX_SAMPLE_COUNT)
    channels = np.flatnonzero(may_be_far)
    if len(channels):
        count = sum(_count_larger(part[:, channels], limit[channels]) for part in others)
        # Where all other values are 0, there is no scale.
        known = sum(_count_larger(part[:, channels], np.zeros(1)) for part in others)
        most = _get_max_count(sum(map(len, others)))
        doubtful[channels[(count <= most) & (known > count)]] = True
    return np.flatnonzero(doubtful)


def _find_extremes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest and the smallest value of each channel; NaN if it has none."""
    rows, channels = values.shape
    # Several rows at once where they are short, since NumPy has an inner loop for each row.
    folds = max(1, min(REDUCED_COLUMNS // channels, rows))
    if not values.flags.c_contiguous or folds == 1:
        return np.fmax.reduce(values, axis=0), np.fmin.reduce(values, axis=0)
    cut = rows // folds * folds
    wide = values[:cut].reshape(-1, folds * channels)
    high, low = (fold.reduce(wide, axis=0).reshape(folds, channels) for fold in (np.fmax, np.fmin))
    rest = values[cut:]
    return (
        np.fmax.reduce(np.concatenate([high, rest]), axis=0),
        np.fmin.reduce(np.concatenate([low, rest]), axis=0),
    )


def _count_larger(values: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Return (channels,) how many values are larger than a limit in size; NaN is not."""
    return np.count_nonzero(np.abs(values) > limit, axis=0)


def _get_max_count(count: int) -> int:
    """Return the largest number of outliers that are not fills among `count` values."""
    return max(MAX_COUNT_OF_FEW, int(MAX_SHARE * count))


def _find_fills(kept: np.ndarray, is_outlier: np.ndarray) -> np.ndarray | None:
    """Return the mask of a fill that is outside of all values kept; None without such a fill."""
    remaining = kept[~is_outlier]
    if not len(remaining):
        return None
    for fill in (remaining.max(), remaining.min()):
        if fill not in FILLS:
            continue
        is_fill = kept == fill
        # Several kinds of fills in one channel must not hide each other.
        others = remaining[~np.isin(remaining, FILLS)]
        if len(others) < MIN_OTHERS or len(others) <= is_fill.sum():
            continue
        center = np.median(others)
        with np.errstate(over="ignore"):
            size = max(np.abs(others - center).max(), abs(center))
            if not size and abs(fill) >= MIN_CERTAIN_FILL:
                size = 1.0
            is_only_negative = fill < 0 <= others.min()
            ratio = MIN_NEGATIVE_FILL_RATIO if is_only_negative else MIN_FILL_RATIO
            if size and abs(fill - center) > ratio * size:
                return is_fill
    return None


def _find_far_values(
    kept: np.ndarray, is_outlier: np.ndarray, is_own: np.ndarray
) -> np.ndarray | None:
    """Return the indices of the values far beyond all others; None without such values."""
    indices = np.flatnonzero(~is_outlier)
    count = len(indices)
    if count <= MIN_OTHERS:
        return None
    center = np.median(kept[indices])
    with np.errstate(over="ignore"):
        distance = np.abs(kept[indices] - center)
    most = min(_get_max_count(count), max(1, count // MIN_VALUES_PER_OUTLIER), count - MIN_OTHERS)
    far = np.argpartition(distance, count - most - 1)[count - most - 1 :]
    far = far[np.argsort(-distance[far], kind="stable")]  # the farthest first
    positive = np.sort(distance[distance > 0])
    with np.errstate(over="ignore"):
        for size in range(most, 0, -1):
            outer, inner = distance[far[size - 1]], max(distance[far[size]], abs(center))
            if not inner or not outer > MIN_RATIO * inner:
                continue
            chosen = indices[far[:size]]
            ratio = _get_min_ratio(positive, len(positive) - size, count - size, center)
            # Values seen before are usual, however far they are from the others.
            if outer > ratio * inner and is_own[chosen].all() and not _is_level(chosen):
                return chosen
    return None


def _get_min_ratio(positive: np.ndarray, usual: int, others: int, center: float) -> float:
    """Return the ratio from which a value is an outlier.

    Args:
        positive: distances from the median that are not 0, ascending.
        usual: number of those that belong to other values.
        others: number of other values.
        center: the median.
    """
    # Where nearly all values are 0, as sales of a rare article are, few values give the scale.
    if (others if center else usual) < MIN_EVIDENCE:
        return MIN_RATIO_OF_FEW
    if usual < MIN_OTHERS:
        return MIN_RATIO
    # The heavier the tail, the larger are the gaps between its last values.
    return max(MIN_RATIO, float(positive[usual - 1] / positive[usual // 2]))


def _is_level(chosen: np.ndarray) -> bool:
    """Return whether values are a level: more than a few of them follow each other."""
    stretches = np.split(np.sort(chosen), np.flatnonzero(np.diff(np.sort(chosen)) > 1) + 1)
    return max(map(len, stretches)) > MAX_STRETCH
