"""Style of a written forecast: times and decimal marks as the table has them that it continues."""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from revin_forecast.data.format_timestamps import format_timestamps
from revin_forecast.data.table_format import TableFormat

FLOAT_FORMAT = "%.12g"
"""Forecasts are computed in float32 on standardized values, so further digits are noise."""
INTERVAL_SUFFIX = re.compile(r"-(lo|hi)-[\d.]+$")
"""End of the name of a column with limits of an interval."""
AMBIGUOUS_NUMBER = re.compile(r"-?[1-9]\d{0,2}\.\d{3}")
"""Number whose mark might group thousands."""


def style_times(table: pd.DataFrame, format: TableFormat) -> pd.DataFrame:
    """Return a table whose times have the form of a format; other columns are the same.

    Times in several columns, such as year and month, replace the column of timestamps. Further
    columns of timestamps have the same form, if it is one of a single column.

    Args:
        table: a table with columns of timestamps.
        format: form and names of the time columns; without a form, timestamps stay as they are.
    """
    if format.time_form is None:
        return table
    parts = []
    for name in table.columns:
        column = table[name]
        if column.dtype.kind != "M" and not isinstance(column.dtype, pd.DatetimeTZDtype):
            parts.append(column)
            continue
        own = format if name == format.time_name else replace(format, time=str(name))
        cells = format_timestamps(pd.DatetimeIndex(column), own)
        parts.append(cells.set_index(table.index))
    return pd.concat(parts, axis=1)


def style_numbers(table: pd.DataFrame, format: TableFormat) -> pd.DataFrame:
    """Return a table whose numbers have the decimal marks of a format, as text where needed.

    Limits of intervals have the mark of their series. Numbers that could be read in two ways get
    another decimal: 1,2340 instead of 1,234.
    """
    has_commas = "," in (
        format.decimal.values() if isinstance(format.decimal, Mapping) else [format.decimal]
    )
    if not has_commas:
        return table
    styled = {
        name: _format_numbers(column, _find_mark(str(name), format))
        if column.dtype.kind == "f"
        else column
        for name, column in table.items()
    }
    return pd.DataFrame(styled, index=table.index)


def _find_mark(name: str, format: TableFormat) -> str:
    """Return the decimal mark of a column; a comma if its series had none."""
    if not isinstance(format.decimal, Mapping):
        return format.decimal or ","
    series = name if name in format.decimal else INTERVAL_SUFFIX.sub("", name)
    return format.decimal.get(series, ",")


def _format_numbers(column: pd.Series, mark: str) -> pd.Series:
    cells = np.empty(len(column), dtype=object)
    for row, number in enumerate(column.to_numpy(np.float64)):
        text = "" if np.isnan(number) else FLOAT_FORMAT % number
        text += "0" if AMBIGUOUS_NUMBER.fullmatch(text) else ""
        cells[row] = text.replace(".", mark)
    return pd.Series(cells, index=column.index)
