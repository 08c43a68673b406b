"""The table of a fit, which plots, reports and backtests of a forecaster use again."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from revin_forecast.data.series import Series

MAX_KEPT_VALUES = 2**22
"""Most values of a table that is kept after the fit: 32 MiB."""


@dataclass(frozen=True, eq=False)
class KnownTable:
    """The rows of a fit, in memory only."""

    series: Series
    """All rows, with all columns that were read."""
    name: str
    """Name of the file; empty for a table that was in memory."""

    @classmethod
    def from_fit(cls, series: Any, source: object) -> "KnownTable | None":
        """Return the table of a fit; None if it is memory-mapped or large.

        Args:
            series: the rows that were read.
            source: the argument of `fit`.
        """
        if not isinstance(series, Series) or series.values.size > MAX_KEPT_VALUES:
            return None
        name = Path(source).name if isinstance(source, str | Path) else ""
        # A copy: a data frame may be changed after the fit, and its values are not always copied.
        return cls(replace(series, values=series.values.copy()), name)
