"""Tables as users pass them in Python: converted, or refused with the remedy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

import pandas as pd

from revin_forecast.data.reading.raw_table import ArrowTable
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError

TableLike: TypeAlias = (
    Series | pd.DataFrame | pd.Series | Mapping[str, Any] | str | Path | ArrowTable
)
"""A series, a data frame, a pandas Series with times as its index, columns by name, or the path of
a file; see `read_series`."""
EXAMPLE = "pd.DataFrame({'date': pd.date_range('2024-01-01', periods=len(values)), 'y': values})"
UNNAMED_SERIES = "value"
"""Name of a pandas Series without a name."""


def to_table(source: Any) -> Series | str | Path | pd.DataFrame | ArrowTable:
    """Return a table of any supported kind as one that can be read.

    Raises:
        InputError: it has no times, or is not a table; the message shows a remedy.

    >>> days = pd.date_range("2024-01-01", periods=2)
    >>> to_table(pd.Series([1.0, 2.0], days, name="sold")).columns.tolist()
    ['sold']
    """
    if isinstance(source, Series | str | Path | pd.DataFrame):
        return source
    if isinstance(source, pd.Series):
        return _to_frame(source)
    if isinstance(source, Mapping):
        try:
            return pd.DataFrame(dict(source))
        except (TypeError, ValueError) as error:
            raise InputError(
                f"the columns do not make a table: {error}. Pass lists of one length by name, such "
                "as {'date': [...], 'y': [...]}."
            ) from error
    if hasattr(source, "__arrow_c_stream__"):
        return cast(ArrowTable, source)
    if type(source).__name__ == "LazyFrame":
        raise InputError("a LazyFrame of Polars has no rows yet; pass table.collect().")
    raise InputError(
        f"a table is a data frame, a pandas Series with dates as its index, a dict of columns, or "
        f"the path of a file, but got {_describe(source)}. For values in a list or an array, pass "
        f"{EXAMPLE}."
    )


def _to_frame(series: pd.Series) -> pd.DataFrame:
    """Return a pandas Series as a frame with its times as the index."""
    index = series.index
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if not isinstance(index, pd.DatetimeIndex):
        raise InputError(
            f"a pandas Series needs dates as its index but has {index.dtype!s} ones such as "
            f"{index[0] if len(index) else 'none'}. Set series.index = pd.date_range('2024-01-01', "
            "periods=len(series)), or pass a data frame with a column of times."
        )
    name = UNNAMED_SERIES if series.name is None else series.name
    return pd.DataFrame({name: series.to_numpy()}, index=index)


def _describe(source: Any) -> str:
    shape = getattr(source, "shape", None)
    kind = type(source).__name__
    if shape is not None:
        return f"{kind} of shape {tuple(shape)}"
    return f"{kind} of {len(source)} items" if isinstance(source, list | tuple) else kind
