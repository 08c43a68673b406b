"""revin_forecast/shift/aggregates/estimates.py."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from revin_forecast.shift.statistics import bootstrap_seed_weights, percentile_interval


class Estimate(NamedTuple):
    """A number about one data set, and the same of each draw of its windows and seeds."""

    value: float
    draws: Float[np.ndarray, " resamples"]

    def subtract(self, other: "Estimate") -> "Estimate":
        """Return the difference; both were drawn alike."""
        return Estimate(self.value - other.value, self.draws - other.draws)


class PooledEstimate(NamedTuple):
    """A number over data sets, and the ends of its 95 % interval."""

    value: float
    lo: float
    hi: float

    def exp(self) -> "PooledEstimate":
        """Return exp of all three."""
        with np.errstate(under="ignore"):
            return PooledEstimate(*(float(np.exp(number)) for number in self))


NO_ESTIMATE = PooledEstimate(np.nan, np.nan, np.nan)


def pool_estimates(estimates: Sequence[Estimate]) -> PooledEstimate:
    """Return the mean over data sets, each with the same weight; NaN without any.

    The interval is about these very data sets: it says how well their windows and seeds fix the
    number, not what another data set would give. Draws that hold no window of what is measured
    count in none.
    """
    if not estimates:
        return NO_ESTIMATE
    drawn = np.stack([one.draws for one in estimates]).astype(np.float64).mean(axis=0)
    if np.isfinite(drawn).mean() >= 0.9:  # a rare part of the windows may be missed by a draw
        drawn = drawn[np.isfinite(drawn)]
    return PooledEstimate(
        float(np.mean([one.value for one in estimates])), *percentile_interval(drawn)
    )


def mean_over_cells(
    values: Float[np.ndarray, "cells resamples"], seeds: Int[np.ndarray, " cells"], seed: int
) -> Float[np.ndarray, " resamples"]:
    """Return the mean over cells for each draw, training seeds drawn anew as well.

    Args:
        values: of each cell and draw, those of one seed in a row.
        seeds: of the cells.
        seed: of the draws.
    """
    if seeds[0] == seeds[-1]:
        return values.mean(axis=0)
    first = np.flatnonzero(np.diff(seeds, prepend=-1))
    counts = np.diff(first, append=len(seeds))
    weights = bootstrap_seed_weights(len(first), values.shape[1], seed)
    sums = np.add.reduceat(values, first, axis=0)
    return (weights * sums).sum(axis=0) / (weights * counts[:, None]).sum(axis=0)


def select_rows(table: pd.DataFrame, mask: pd.Series | np.ndarray) -> pd.DataFrame:
    """Return the rows that are chosen."""
    return cast(pd.DataFrame, table.loc[mask])


def iter_groups(
    table: pd.DataFrame, columns: Sequence[str]
) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Yield each combination of some columns' values, sorted, and its rows."""
    for key, part in table.groupby(list(columns), sort=True):
        yield cast(tuple[Any, ...], key), part


def group_means(table: pd.DataFrame, by: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Return the means of some columns, what is NaN left out, for each combination of others."""
    return cast(
        pd.DataFrame, table.groupby(list(by), sort=True)[list(columns)].mean()
    ).reset_index()


def iter_group_slices(
    table: pd.DataFrame, columns: Sequence[str]
) -> Iterator[tuple[tuple[Any, ...], slice]]:
    """Yield each combination and where its rows are, in a table sorted by the columns.

    As `groups`, for the many small ones of which no table is wanted.
    """
    number = table.groupby(list(columns), sort=False).ngroup().to_numpy()
    first = np.flatnonzero(np.diff(number, prepend=-1))
    ends = np.append(first, len(table))[1:]
    keys = table[list(columns)].iloc[first].itertuples(index=False, name=None)
    for key, start, end in zip(keys, first, ends, strict=True):
        yield key, slice(start, end)
