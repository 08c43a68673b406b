"""How a table is laid out, and a forecast laid out the same."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from revin_forecast.errors import InputError


@dataclass(frozen=True)
class TableLayout:
    """How the table was laid out that a series came from, so that a forecast looks the same."""

    time: str = "date"
    """Name of the time column."""
    id: str | None = None
    """Name of the series column of a long table; None: wide, one column a series."""
    value: str | None = None
    """Name of the value column of a long table."""

    def build_frame(
        self, names: Sequence[str], columns: Mapping[str, np.ndarray], timestamps: pd.DatetimeIndex
    ) -> pd.DataFrame:
        """Lay values out: a row a step (wide), or a row a series and step (long).

        Args:
            names: of the channels.
            columns: (time, channels) by what is put behind a column's name.
            stamps: (time,), or (channels x time,) where the channels have stamps of their own.

        Raises:
            InputError: a name would stand there twice.
        """
        if self.id is None:
            shown = [name + ending for name in names for ending in columns]
            _check_unique_names([self.time, *shown])
            # (time, channels, columns), so that a channel's columns stand side by side
            values = np.stack(list(columns.values()), axis=2).reshape(len(timestamps), len(shown))
            wide = pd.DataFrame(values, columns=shown)
            wide.insert(0, self.time, timestamps)
            return wide
        steps = len(next(iter(columns.values())))
        if len(timestamps) == steps:
            timestamps = timestamps.take(np.tile(np.arange(steps), len(names)))
        parts = {f"{self.value}{ending}": part.T.ravel() for ending, part in columns.items()}
        _check_unique_names([self.id, self.time, *parts])
        ids = np.repeat(np.array(names, dtype=object), steps)
        return pd.DataFrame({self.id: ids, self.time: timestamps} | parts)


def format_names(names: Sequence[str], limit: int = 8) -> str:
    """Show names in a message, of many the first few.

    >>> listed(["a", "b", "c"], most=2)
    "['a', 'b', ... 3 in all]"
    """
    shown = ", ".join(repr(name) for name in names[:limit])
    return f"[{shown}, ... {len(names)} in all]" if len(names) > limit else f"[{shown}]"


def pluralize(number: int, noun: str) -> str:
    """Return a number of things.

    >>> counted(1, "row"), counted(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _check_unique_names(names: Sequence[str]) -> None:
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise InputError(
            f"the forecast would have more than one column {format_names(double)}; rename it in the "
            "table, or leave it out with --target."
        )
