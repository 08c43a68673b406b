"""Arrangement of a forecast's values as a table, wide or long."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from revin_forecast.data.formatting import format_names
from revin_forecast.data.key_names import split_key
from revin_forecast.data.table_format import TableFormat
from revin_forecast.errors import InputError


def arrange_frame(
    format: TableFormat,
    names: Sequence[str],
    columns: Mapping[str, np.ndarray],
    timestamps: pd.DatetimeIndex,
) -> pd.DataFrame:
    """Arrange values as one row per step (wide) or one row per series and step (long).

    Args:
        format: format with the names of the columns.
        names: names of the channels.
        columns: (time, channels) values by the suffix that is appended to a column's name.
        timestamps: (time,), or (channels x time,) if the channels have different timestamps.

    Raises:
        InputError: two columns would have the same name.
    """
    time = format.time_name
    if format.id is None:
        column_names = [name + suffix for name in names for suffix in columns]
        _check_unique_names([time, *column_names])
        # (time, channels, columns), so that the columns of a channel are adjacent.
        values = np.stack(list(columns.values()), axis=2)
        values = values.reshape(len(timestamps), len(column_names))
        wide = pd.DataFrame(values, columns=column_names)
        wide.insert(0, time, timestamps)
        return wide
    steps = len(next(iter(columns.values())))
    if len(timestamps) == steps:
        timestamps = timestamps.take(np.tile(np.arange(steps), len(names)))
    parts = {f"{format.value}{suffix}": part.T.ravel() for suffix, part in columns.items()}
    _check_unique_names([*format.id_columns, time, *parts])
    keys = zip(*(split_key(name, len(format.id_columns)) for name in names), strict=True)
    # Object dtype: a NumPy string type takes the memory of the longest name in every row.
    ids = [np.repeat(np.array(cells, dtype=object), steps) for cells in keys]
    return pd.DataFrame(dict(zip(format.id_columns, ids, strict=True)) | {time: timestamps} | parts)


def _check_unique_names(names: Sequence[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise InputError(
            f"the forecast would have more than one column {format_names(repeated)}; rename it in "
            "the table, or leave it out with --target."
        )
