"""Estimates with bootstrap draws, and typed helpers for grouping tables."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from revin_forecast.shift.statistics import bootstrap_seed_weights, percentile_interval


class Estimate(NamedTuple):
    """A number about one data set, and its value in each draw of windows and seeds."""

    value: float
    draws: Float[np.ndarray, " resamples"]

    def minus(self, other: "Estimate") -> "Estimate":
        """Return the difference, draw by draw: what both have in common cancels."""
        return Estimate(self.value - other.value, self.draws - other.draws)


class PooledEstimate(NamedTuple):
    """A number over data sets with the ends of its 95 % interval."""

    value: float
    lo: float
    hi: float

    def exp(self) -> "PooledEstimate":
        """Return the exponentials of the value and of the ends."""
        with np.errstate(under="ignore"):
            return PooledEstimate(*(float(np.exp(number)) for number in self))


NO_ESTIMATE = PooledEstimate(np.nan, np.nan, np.nan)


def pool_estimates(estimates: Sequence[Estimate | None]) -> PooledEstimate:
    """Return the mean over data sets, each with the same weight, with its interval.

    NaN without any data set, or if one of them has no estimate: a mean over some of the data sets
    can't be compared with one over all of them.

    The interval is conditional on these data sets: it covers the sampling of their windows and
    seeds, not of other data sets.
    """
    mean = mean_estimate(estimates)
    return NO_ESTIMATE if mean is None else add_interval(mean)


def mean_estimate(estimates: Sequence[Estimate | None]) -> Estimate | None:
    """Return the mean of estimates, draw by draw; None without any, or if one is missing."""
    known = [estimate for estimate in estimates if estimate is not None]
    if not known or len(known) < len(estimates):
        return None
    draws = np.stack([estimate.draws for estimate in known]).astype(np.float64).mean(axis=0)
    return Estimate(float(np.mean([estimate.value for estimate in known])), draws)


def add_interval(estimate: Estimate) -> PooledEstimate:
    """Return the value with the ends of its 95 % interval."""
    draws = estimate.draws
    # A draw may miss all windows of a rare part. Up to a tenth of such draws are left out.
    if np.isfinite(draws).mean() >= 0.9:
        draws = draws[np.isfinite(draws)]
    return PooledEstimate(estimate.value, *percentile_interval(draws.astype(np.float64)))


def mean_over_cells(
    values: Float[np.ndarray, "cells resamples"], seeds: Int[np.ndarray, " cells"], seed: int
) -> Float[np.ndarray, " resamples"]:
    """Return the mean over cells in each draw, with the training seeds resampled as well.

    Args:
        values: value of each cell in each draw, cells of one seed next to each other.
        seeds: training seed of each cell.
        seed: random seed of the draws.
    """
    if seeds[0] == seeds[-1]:
        return values.mean(axis=0)
    first = np.flatnonzero(np.diff(seeds, prepend=-1))
    counts = np.diff(first, append=len(seeds))
    # Seeds are resampled as a whole, since the cells of one seed share a training.
    weights = bootstrap_seed_weights(len(first), values.shape[1], seed)
    sums = np.add.reduceat(values, first, axis=0)
    return (weights * sums).sum(axis=0) / (weights * counts[:, None]).sum(axis=0)


def select_rows(table: pd.DataFrame, mask: pd.Series | np.ndarray) -> pd.DataFrame:
    """Return the rows of the mask."""
    return cast(pd.DataFrame, table.loc[mask])


def iter_groups(
    table: pd.DataFrame, columns: Sequence[str]
) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Yield each combination of the columns' values, in order, with its rows."""
    for key, part in table.groupby(list(columns), sort=True):
        yield cast(tuple[Any, ...], key), part


def group_means(table: pd.DataFrame, by: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Return the means of columns for each combination of the `by` values, ignoring NaN."""
    return cast(
        pd.DataFrame, table.groupby(list(by), sort=True)[list(columns)].mean()
    ).reset_index()


def iter_group_slices(
    table: pd.DataFrame, columns: Sequence[str]
) -> Iterator[tuple[tuple[Any, ...], slice]]:
    """Yield each combination of the columns' values with the slice of its rows.

    The table must be sorted by the columns. A faster `iter_groups` for many small groups, as it
    makes no table of each.
    """
    number = table.groupby(list(columns), sort=False).ngroup().to_numpy()
    first = np.flatnonzero(np.diff(number, prepend=-1))
    ends = np.append(first, len(table))[1:]
    keys = table[list(columns)].iloc[first].itertuples(index=False, name=None)
    for key, start, end in zip(keys, first, ends, strict=True):
        yield key, slice(start, end)
