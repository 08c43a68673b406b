"""Ways to take a table apart, of which the type checker can see what comes out."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd


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
