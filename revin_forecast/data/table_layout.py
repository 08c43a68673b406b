"""The layout of a user's table, wide or long."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from revin_forecast.data.formatting import format_names
from revin_forecast.errors import InputError


@dataclass(frozen=True)
class TableLayout:
    """Layout of the table that a series was read from; its forecast is written in the same one."""

    time: str = "date"
    """Name of the time column."""
    id: str | None = None
    """Name of the series column of a long table; None: wide, one column per series."""
    value: str | None = None
    """Name of the value column of a long table."""

    def build_frame(
        self, names: Sequence[str], columns: Mapping[str, np.ndarray], timestamps: pd.DatetimeIndex
    ) -> pd.DataFrame:
        """Arrange values as one row per step (wide) or one row per series and step (long).

        Args:
            names: names of the channels.
            columns: (time, channels) values by the suffix that is appended to a column's name.
            timestamps: (time,), or (channels x time,) if the channels have different timestamps.

        Raises:
            InputError: two columns would have the same name.
        """
        if self.id is None:
            column_names = [name + suffix for name in names for suffix in columns]
            _check_unique_names([self.time, *column_names])
            # (time, channels, columns), so that the columns of a channel are adjacent.
            values = np.stack(list(columns.values()), axis=2)
            values = values.reshape(len(timestamps), len(column_names))
            wide = pd.DataFrame(values, columns=column_names)
            wide.insert(0, self.time, timestamps)
            return wide
        steps = len(next(iter(columns.values())))
        if len(timestamps) == steps:
            timestamps = timestamps.take(np.tile(np.arange(steps), len(names)))
        parts = {f"{self.value}{suffix}": part.T.ravel() for suffix, part in columns.items()}
        _check_unique_names([self.id, self.time, *parts])
        # Object dtype: a NumPy string type takes the memory of the longest name in every row.
        ids = np.repeat(np.array(names, dtype=object), steps)
        return pd.DataFrame({self.id: ids, self.time: timestamps} | parts)


WIDE_LAYOUT = TableLayout()


def _check_unique_names(names: Sequence[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise InputError(
            f"the forecast would have more than one column {format_names(repeated)}; rename it in "
            "the table, or leave it out with --target."
        )
