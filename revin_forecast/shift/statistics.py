"""Intervals and tests for errors of overlapping windows: blocks within a data set, ranks across.

Neighbouring windows share most of their steps, so their errors are not independent draws: on an
AR(.9) series intervals from single windows cover the truth in about a third of the cases, not in
95 %. Blocks of look-back and horizon together cover it in about 90 % if forty of them fit, in 85 %
if nine do: the intervals are somewhat too narrow.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

DEFAULT_RESAMPLES = 1000
SERIES_PER_CHUNK = 64
"""Series resampled at once: as many as keep their draws in the cache of a processor."""
INTERVAL_QUANTILES = 0.025, 0.975
MIN_DATASETS = 6
"""With five data sets, a two-sided signed-rank test can't give less than p = .0625."""


class LogRatio(NamedTuple):
    """log(mean error / mean baseline error) with the ends of its 95 % interval."""

    estimate: float
    lo: float
    hi: float


def log_ratio_interval(
    errors: Float[np.ndarray, "*seeds windows"],
    baseline_errors: Float[np.ndarray, "*#seeds windows"],
    block_length: int,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
) -> LogRatio:
    """Compare the mean errors of two models, or of one model on two data sets, window by window.

    Moving-block bootstrap (Künsch, 1989) with a percentile interval. Both series of errors are
    resampled in the same blocks of consecutive windows. With several training seeds, the seeds are
    resampled too, alike for both, and all seeds share the blocks. If a mean is 0, the ratio has no
    logarithm and all values are NaN.

    Args:
        errors: errors of consecutive windows, (windows,) or (seeds, windows).
        baseline_errors: errors of the same windows and seeds. One row, or (windows,), is compared
            with all seeds.
        block_length: windows in a block: (look-back + horizon) / stride, or a season if that is
            longer.
        resamples: number of draws.
        seed: random seed; equal seeds give equal draws.

    >>> result = log_ratio_interval(np.full(100, 2.0), np.full(100, 1.0), block_length=10)
    >>> [round(number, 3) for number in result]
    [0.693, 0.693, 0.693]
    """
    both = np.stack(np.broadcast_arrays(errors, baseline_errors)).astype(np.float64)
    windows, seeds = both.shape[-1], both[0].size // both.shape[-1]
    both = both.reshape(2 * seeds, windows)
    draws = bootstrap_means(both, block_length, resamples, seed).reshape(2, seeds, resamples)
    draws = (draws * bootstrap_seed_weights(seeds, resamples, seed)).sum(axis=1)
    (estimate,) = _log_ratio(both.reshape(2, -1).mean(axis=1, keepdims=True))
    return LogRatio(float(estimate), *percentile_interval(_log_ratio(draws)))


def bootstrap_means(
    errors: Float[np.ndarray, "series windows"], block_length: int, resamples: int, seed: int
) -> Float[np.ndarray, "series resamples"]:
    """Return the mean errors of resampled windows; all series are resampled alike.

    Each draw has as many windows as the data, in blocks of consecutive windows, with the last
    block cut to fit. NaN if fewer than two blocks fit: the spread over draws would be meaningless.
    """
    series, windows = errors.shape
    if windows < 2 * block_length:
        return np.full((series, resamples), np.nan)
    # All series share the starts: errors that models have in common cancel in their ratio.
    starts = draw_block_starts(windows, block_length, resamples, seed)
    last, positions = windows - (len(starts) - 1) * block_length, windows - block_length + 1
    means = np.empty((series, resamples))
    for first in range(0, series, SERIES_PER_CHUNK):
        part = slice(first, first + SERIES_PER_CHUNK)
        # A block's sum is the difference of two cumulative sums, so a draw costs one look-up each.
        sums = np.zeros((windows + 1, len(errors[part])))
        np.cumsum(errors[part].T, axis=0, out=sums[1:])
        full_blocks, cut_blocks = (
            sums[size : size + positions] - sums[:positions] for size in (block_length, last)
        )
        total = np.take(cut_blocks, starts[-1], axis=0)
        for row in starts[:-1]:
            total += np.take(full_blocks, row, axis=0)
        means[part] = total.T
    return means / windows


@lru_cache(maxsize=64)
def draw_block_starts(
    windows: int, block_length: int, resamples: int, seed: int
) -> Int[np.ndarray, "blocks resamples"]:
    """Draw the first window of each block; series of other lengths get similar relative starts."""
    # Fractions of the length are drawn, not row numbers, so that a series a few windows shorter
    # (a cell with fewer windows) is resampled in nearly the same blocks.
    blocks = -(-windows // block_length)
    fractions = np.random.default_rng([seed, 0]).random((blocks, resamples))
    starts = (fractions * (windows - block_length + 1)).astype(np.intp)
    starts.flags.writeable = False  # shared by all callers through the cache
    return starts


@lru_cache(maxsize=64)
def bootstrap_seed_weights(
    seeds: int, resamples: int, seed: int
) -> Float[np.ndarray, "seeds resamples"]:
    """Draw as many seeds as there are, with replacement; return the share of each."""
    # Another stream than the blocks, which then do not depend on the number of seeds.
    choices = np.random.default_rng([seed, 1]).integers(seeds, size=(seeds, resamples))
    weights = (choices == np.arange(seeds)[:, None, None]).mean(axis=1)
    weights.flags.writeable = False
    return weights


def percentile_interval(draws: Float[np.ndarray, " resamples"]) -> tuple[float, float]:
    """Return the ends of the middle 95 %; NaN if any is not finite.

    >>> percentile_interval(np.arange(41.0))
    (1.0, 39.0)
    """
    if not np.isfinite(draws).all():
        return np.nan, np.nan
    lo, hi = np.quantile(draws, INTERVAL_QUANTILES)
    return float(lo), float(hi)


def student_radius(means: Float[np.ndarray, "..."], axis: int) -> Float[np.ndarray, "..."]:
    """Return the half width of Student's 95 % interval for the mean of independent values.

    Block means are nearly independent if a block is as long as the errors' dependence.

    >>> student_radius(np.array([[1.0, 2.0, 3.0]]), axis=1).round(3)
    array([2.484])
    """
    from scipy.special import stdtrit  # slow to import

    count = means.shape[axis]
    if count < 2:
        return np.full(means.mean(axis=axis).shape, np.nan)
    deviation: np.ndarray = means.std(axis=axis, ddof=1)
    return float(stdtrit(count - 1, INTERVAL_QUANTILES[1])) * deviation / np.sqrt(count)


def wilcoxon_p(log_ratios: Float[np.ndarray, " datasets"]) -> float:
    """Return p of Wilcoxon's two-sided signed-rank test that the log-ratios are centred at 0.

    One log-ratio a data set. Exact without ties and zeros; NaN below six data sets.
    """
    if len(log_ratios) < MIN_DATASETS:
        return np.nan
    if not log_ratios.any():
        return 1.0
    from scipy.stats import wilcoxon  # slow to import

    result: Any = wilcoxon(log_ratios)
    return float(result.pvalue)


def holm_adjust(probabilities: Sequence[float]) -> list[float]:
    """Adjust the p values of one family of tests (Holm, 1979); NaN is left out and stays NaN.

    The smallest of m is multiplied by m, the next by m - 1, and so on; the results never decrease.

    >>> holm_adjust([0.04, 0.01, float("nan"), 0.03])
    [0.06, 0.03, nan, 0.06]
    """
    adjusted = np.array(probabilities, dtype=np.float64)
    members = np.flatnonzero(~np.isnan(adjusted))
    ordered = members[np.argsort(adjusted[members], kind="stable")]
    steps = adjusted[ordered] * np.arange(len(ordered), 0, -1)
    adjusted[ordered] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted.tolist()


def _log_ratio(both: Float[np.ndarray, "2 means"]) -> Float[np.ndarray, " means"]:
    return np.log(
        np.divide(*both, where=(both > 0).all(axis=0), out=np.full(both[0].shape, np.nan))
    )
