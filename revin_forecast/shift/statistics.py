"""Intervals and tests for errors of overlapping windows: blocks within a data set, ranks across.

Neighbouring windows share most of their steps, so their errors are no independent draws: on an
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
"""Series whose draws stay in the cache of a processor."""
INTERVAL_QUANTILES = 0.025, 0.975
MIN_DATASETS = 6
"""With five, no two-sided signed-rank test can give less than p = .0625."""


class LogRatio(NamedTuple):
    """log(mean error / mean reference error) with the ends of its 95 % interval."""

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
    """Compare the mean errors of two models, or of one model on two data, window by window.

    Moving-block bootstrap (Künsch, 1989), percentile interval: blocks of consecutive windows are
    drawn, the same for both. Where there are several training seeds, they are drawn too, the same
    for both, and all seeds share the blocks. The ratio has no logarithm if a mean is 0: then all
    is NaN.

    Args:
        errors: of consecutive windows; (windows,) or (seeds, windows).
        baseline_errors: of the same windows and seeds; one row, or no axis of seeds, goes for all seeds.
        block_length: windows in a block: (look-back + horizon) / stride, or a season if that is longer.
        resamples: draws.
        seed: of the draws; equal seeds draw alike.

    >>> result = log_ratio_interval(np.full(100, 2.0), np.full(100, 1.0), block=10)
    >>> [round(number, 3) for number in result]
    [0.693, 0.693, 0.693]
    """
    both = np.stack(np.broadcast_arrays(errors, baseline_errors)).astype(np.float64)
    windows, seeds = both.shape[-1], both[0].size // both.shape[-1]
    both = both.reshape(2 * seeds, windows)
    drawn = bootstrap_means(both, block_length, resamples, seed).reshape(2, seeds, resamples)
    drawn = (drawn * bootstrap_seed_weights(seeds, resamples, seed)).sum(axis=1)
    (estimate,) = _log_ratio(both.reshape(2, -1).mean(axis=1, keepdims=True))
    return LogRatio(float(estimate), *percentile_interval(_log_ratio(drawn)))


def bootstrap_means(
    errors: Float[np.ndarray, "series windows"], block_length: int, resamples: int, seed: int
) -> Float[np.ndarray, "series resamples"]:
    """Return the means of redrawn windows; all series are redrawn alike.

    Each draw is of as many windows as there are, in blocks of consecutive ones, the last cut to
    fit. NaN where fewer than two blocks fit: their spread would say nothing.
    """
    series, windows = errors.shape
    if windows < 2 * block_length:
        return np.full((series, resamples), np.nan)
    starts = draw_block_starts(windows, block_length, resamples, seed)
    last, places = windows - (len(starts) - 1) * block_length, windows - block_length + 1
    means = np.empty((series, resamples))
    for first in range(0, series, SERIES_PER_CHUNK):
        part = slice(first, first + SERIES_PER_CHUNK)
        # The sum of a block is the difference of the sums up to its ends: one look-up each.
        sums = np.zeros((windows + 1, len(errors[part])))
        np.cumsum(errors[part].T, axis=0, out=sums[1:])
        whole, cut = (sums[size : size + places] - sums[:places] for size in (block_length, last))
        total = np.take(cut, starts[-1], axis=0)
        for row in starts[:-1]:
            total += np.take(whole, row, axis=0)
        means[part] = total.T
    return means / windows


@lru_cache(maxsize=64)
def draw_block_starts(
    windows: int, block_length: int, resamples: int, seed: int
) -> Int[np.ndarray, "blocks resamples"]:
    """Draw where blocks begin; series of other lengths get blocks at about the same places."""
    blocks = -(-windows // block_length)
    places = np.random.default_rng([seed, 0]).random((blocks, resamples))
    starts = (places * (windows - block_length + 1)).astype(np.intp)
    starts.flags.writeable = False  # it is cached
    return starts


@lru_cache(maxsize=64)
def bootstrap_seed_weights(
    seeds: int, resamples: int, seed: int
) -> Float[np.ndarray, "seeds resamples"]:
    """Draw seeds with replacement, as many as there are; return the share of each."""
    drawn = np.random.default_rng([seed, 1]).integers(seeds, size=(seeds, resamples))
    weights = (drawn == np.arange(seeds)[:, None, None]).mean(axis=1)
    weights.flags.writeable = False
    return weights


def percentile_interval(drawn: Float[np.ndarray, " resamples"]) -> tuple[float, float]:
    """Return the ends of the middle 95 %; NaN if any is not finite.

    >>> interval(np.arange(41.0))
    (1.0, 39.0)
    """
    if not np.isfinite(drawn).all():
        return np.nan, np.nan
    lo, hi = np.quantile(drawn, INTERVAL_QUANTILES)
    return float(lo), float(hi)


def wilcoxon_p(log_ratios: Float[np.ndarray, " datasets"]) -> float:
    """Return p of Wilcoxon's two-sided signed-rank test that the ratios lie around 0.

    One number a data set. Exact without ties and zeros; NaN below six data sets.
    """
    if len(log_ratios) < MIN_DATASETS:
        return np.nan
    if not log_ratios.any():
        return 1.0
    from scipy.stats import wilcoxon  # slow to import

    result: Any = wilcoxon(log_ratios)
    return float(result.pvalue)


def holm_adjust(probabilities: Sequence[float]) -> list[float]:
    """Adjust p values of one family (Holm, 1979); NaN is no member of it and stays.

    The smallest of m is multiplied by m, the next by m - 1, ...; none falls below one before it.

    >>> holm([0.04, 0.01, float("nan"), 0.03])
    [0.06, 0.03, nan, 0.06]
    """
    given = np.array(probabilities, dtype=np.float64)
    members = np.flatnonzero(~np.isnan(given))
    ordered = members[np.argsort(given[members], kind="stable")]
    steps = given[ordered] * np.arange(len(ordered), 0, -1)
    given[ordered] = np.minimum(np.maximum.accumulate(steps), 1)
    return given.tolist()


def _log_ratio(both: Float[np.ndarray, "2 means"]) -> Float[np.ndarray, " means"]:
    return np.log(
        np.divide(*both, where=(both > 0).all(axis=0), out=np.full(both[0].shape, np.nan))
    )
