"""The data of the commands that score test rows: a catalogued data set or a file."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.utils.progress import progress

if TYPE_CHECKING:  # Imported on use: the help of a command must not wait for pandas.
    from revin_forecast.data.catalog.catalog import SplitBorders
    from revin_forecast.data.series import Series
    from revin_forecast.shift.suite.suite import DatasetConfig


@dataclass(frozen=True, eq=False)
class SplitData:
    """A data set and its split."""

    series: "Series"
    """All rows."""
    borders: "SplitBorders"
    """The standard split of a catalogued data set; 7:1:2 of a file."""
    season: int
    """Steps per season."""


def load_split(
    data: str, reading: ReadingOptions, data_dir: str | None, season: int | None = None
) -> SplitData:
    """Load a catalogued data set, or read a file.

    Args:
        data: name of a data set or path of a file.
        reading: how a file is read; of a data set, only the target is selected.
        data_dir: folder of the catalogued data sets.
        season: steps per season; None: that of the data set or of the file's frequency.
    """
    from revin_forecast.data.catalog import catalog

    if data in catalog.CATALOG:
        entry, series = catalog.find_entry(data), catalog.load_dataset(data, data_dir)
        series = series if reading.target is None else series.select(reading.target)
        return SplitData(series, entry.borders, season or entry.season)
    from revin_forecast.data.reading.frequency import default_season
    from revin_forecast.data.reading.read_series import read_series

    with progress(f"reading {data}"):
        series = read_series(data, **vars(reading))
    borders = catalog.split_7_1_2(len(series))
    return SplitData(series, borders, season or default_season(series.frequency))


def to_dataset_config(
    name: str, file: str | None, reading: ReadingOptions, season: int | None = None
) -> "DatasetConfig":
    """Return the data set as the shift benchmark reads it."""
    from revin_forecast.shift.suite.suite import DatasetConfig

    return DatasetConfig(
        name,
        file=file,
        season=season,
        columns=reading.target or (),
        time=reading.time,
        id=reading.id,
        value=reading.value,
        frequency=reading.frequency,
        format=reading.format,
    )
