"""Columns of 0 and 1: they say whether something holds, and are not forecast unless named."""

from collections.abc import Collection

import numpy as np

from revin_forecast.data.series import Series


def find_binary_columns(series: Series) -> tuple[str, ...]:
    """Return the columns of a wide table that hold only 0 and 1, and both, or True and False.

    None, if the user named the series to forecast, if all of them are such columns, or if the table
    is long, whose series are all of one kind.

    >>> import pandas as pd
    >>> stamps = pd.date_range("2024-01-01", periods=3, freq="D")
    >>> values = np.array([[5.0, 0.0], [7.0, 1.0], [6.0, 0.0]])
    >>> find_binary_columns(Series(values, stamps, ("sold", "promo"), "D"))
    ('promo',)
    """
    if series.has_named_targets or series.format.is_long:
        return ()
    values = series.values
    is_zero, is_one = values == 0, values == 1
    only = (is_zero | is_one | ~np.isfinite(values)).all(axis=0)
    is_binary = only & is_zero.any(axis=0) & is_one.any(axis=0)
    names = tuple(
        name
        for name, binary in zip(series.names, is_binary, strict=True)
        if binary and name not in series.inputs
    )
    return () if set(names) == set(series.targets) else names


def leave_out_binary_columns(
    series: Series, covariates: Collection[str] = ()
) -> tuple[Series, tuple[str, ...]]:
    """Return the series without its columns of 0 and 1, and the names of these columns.

    Args:
        series: the table.
        covariates: names of known inputs, which stay.
    """
    others = [name for name in series.names if name not in covariates]
    # Without the known inputs, for a table of which nothing else would be left.
    binary = find_binary_columns(series.select(others)) if others else ()
    if not binary:
        return series, ()
    return series.select([name for name in series.names if name not in binary]), binary
