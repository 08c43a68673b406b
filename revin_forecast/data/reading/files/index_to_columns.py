"""`index_to_columns`: the index of a frame as columns, unless it has row numbers."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from pandas.api.types import is_object_dtype

SERIES_NAME = "unique_id"
"""Name of a nameless level of names."""
HEAD_ROWS = 100
"""Rows from the top in which lists and records are looked for."""


def index_to_columns(frame: pd.DataFrame, index_names: Collection[str]) -> pd.DataFrame:
    """Turn the index into a column unless it is a row number."""
    index = frame.index
    is_row_number = pd.api.types.is_numeric_dtype(index.dtype) and index.name not in index_names
    if index.nlevels == 1 and (is_row_number or _are_labels(frame, index_names)):
        return frame.reset_index(drop=True)
    # A nameless index of times or text becomes a column that is found by its name.
    names = [
        name if name is not None else _name_level(index.get_level_values(level), frame, level)
        for level, name in enumerate(index.names)
    ]
    frame = frame.rename_axis(names)
    is_column = index.nlevels == 1 and frame.columns.tolist().count(names[0]) == 1
    if is_column and index.equals(pd.Index(frame[names[0]])):  # `set_index(..., drop=False)`
        return frame.reset_index(drop=True)
    # A name that is a column too is rejected like any other that occurs twice.
    return frame.reset_index(allow_duplicates=True)


def _are_labels(frame: pd.DataFrame, index_names: Collection[str]) -> bool:
    """Return whether the index has labels of rows, next to a column of times."""
    index = frame.index
    has_times = isinstance(index, pd.DatetimeIndex | pd.PeriodIndex)
    named = any(str(name).lower() in index_names for name in frame.columns)
    return index.name is None and not has_times and named


def _name_level(values: pd.Index, frame: pd.DataFrame, level: int) -> str:
    """Return a name for a nameless level of an index: that of times, or of series."""
    has_times = isinstance(values, pd.DatetimeIndex | pd.PeriodIndex)
    name = "date" if has_times or frame.index.nlevels == 1 else SERIES_NAME
    return f"level_{level}" if name in frame.columns or name in frame.index.names else name


def describe_nested_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with lists and records in its cells as text, which no column of numbers has.

    A message then shows such a cell, where a comparison with it would fail.
    """
    nested = [
        index
        for index, kind in enumerate(frame.dtypes)
        if is_object_dtype(kind) and any(map(_is_nested, frame.iloc[:, index].head(HEAD_ROWS)))
    ]
    if not nested:
        return frame
    columns = {
        index: frame.iloc[:, index].map(str) if index in nested else frame.iloc[:, index]
        for index in range(frame.shape[1])
    }
    return pd.DataFrame(columns).set_axis(frame.columns, axis=1)


def _is_nested(cell: object) -> bool:
    return isinstance(cell, list | tuple | dict | set | np.ndarray)
