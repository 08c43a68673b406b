from collections.abc import Callable
from typing import NamedTuple

from revin_forecast.data.catalog import catalog
from revin_forecast.data.covariates import known_covariates
from revin_forecast.data.split import ChronologicalSplit

Row = dict[str, object]
HORIZONS = (96, 192, 336, 720)


class Cell(NamedTuple):
    """A row to be: its first columns, how the others are measured, and what is known of it."""

    key: Row
    measure: Callable[[], Row]
    beside: Row = {}  # noqa: RUF012 - never written to
    """Last columns: figures of others, looked up each time."""


def split_of(
    name: str, data_dir: str | None, covariates: tuple[str, ...] = ()
) -> tuple[ChronologicalSplit, int]:
    """Return a data set's values with their borders and known inputs, and its season."""
    entry, series = catalog.find_entry(name), catalog.load_dataset(name, data_dir)
    known = None
    if covariates:
        known = known_covariates(covariates, series.timestamps, series.frequency)
    borders = entry.borders
    split = ChronologicalSplit(
        series.values, borders.train, borders.validation, borders.test, known=known
    )
    return split, entry.season


def shortened(split: ChronologicalSplit) -> ChronologicalSplit:
    """Return two channels of few rows, for a quick run."""
    known = None if split.known is None else split.known[:900]
    return ChronologicalSplit(split.values[:900, :2], 600, 700, 850, known=known)
