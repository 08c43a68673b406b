"""Chronological splits of the benchmark data sets."""

from revin_forecast.data.catalog import catalog
from revin_forecast.data.covariates import known_covariates
from revin_forecast.data.split import ChronologicalSplit

HORIZONS = (96, 192, 336, 720)
"""Steps ahead of the standard long-horizon benchmark."""


def load_split(
    name: str, data_dir: str | None, covariates: tuple[str, ...] = ()
) -> tuple[ChronologicalSplit, int]:
    """Return a data set in its standard split, with its known covariates, and its season."""
    entry, series = catalog.find_entry(name), catalog.load_dataset(name, data_dir)
    known = None
    if covariates:
        known = known_covariates(covariates, series.timestamps, series.frequency)
    borders = entry.borders
    split = ChronologicalSplit(
        series.values, borders.train, borders.validation, borders.test, known=known
    )
    return split, entry.season


def shorten_split(split: ChronologicalSplit) -> ChronologicalSplit:
    """Return two channels and 900 rows of a split, for a quick run."""
    known = None if split.known is None else split.known[:900]
    return ChronologicalSplit(split.values[:900, :2], 600, 700, 850, known=known)
