"""The tables of commands: a file, or a catalogued data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.utils.arguments import check_season
from revin_forecast.utils.progress import progress

if TYPE_CHECKING:  # Imported on use: the help of a command must not wait for pandas.
    from revin_forecast.data.catalog.catalog import SplitBorders
    from revin_forecast.data.series import Series
    from revin_forecast.shift.suite.suite import DatasetConfig


USUAL_LOOKBACK, USUAL_HORIZON = 336, 96
"""Window of an evaluation, as in most published tables."""


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
    from revin_forecast.data.reading.read_series import read_series
    from revin_forecast.data.reading.rows.frequency import default_season

    with progress(f"reading {data}"):
        series = read_series(data, **vars(reading))
    check_season(season or 1, len(series))
    borders = catalog.split_7_1_2(len(series))
    return SplitData(series, borders, season or default_season(series.frequency))


def choose_window_sizes(
    borders: "SplitBorders", lookback: int | None, horizon: int | None
) -> tuple[int, int, str | None]:
    """Return look-back and horizon for the rows of a split, and a note if a file is short.

    Args:
        borders: the split.
        lookback: None: 336, or fewer in a short file.
        horizon: None: 96, or fewer in a short file.

    >>> from revin_forecast.data.catalog.catalog import split_7_1_2
    >>> choose_window_sizes(split_7_1_2(10_000), None, None)
    (336, 96, None)
    >>> choose_window_sizes(split_7_1_2(300), None, None)[:2]
    (65, 15)
    """
    scored = min(borders.validation - borders.train, borders.test - borders.validation)
    usual = [f"look-back {USUAL_LOOKBACK}"] if lookback is None else []
    usual += [f"horizon {USUAL_HORIZON}"] if horizon is None else []
    shortened = []
    if horizon is None:
        horizon = USUAL_HORIZON if scored >= USUAL_HORIZON else max(1, scored // 2)
        shortened += [] if horizon == USUAL_HORIZON else [f"horizon {horizon}"]
    if lookback is None:
        fits = USUAL_LOOKBACK + 2 * horizon <= borders.train
        lookback = USUAL_LOOKBACK if fits else max(1, (borders.train - horizon) // 3)
        shortened += [] if lookback == USUAL_LOOKBACK else [f"look-back {lookback}"]
    if not shortened:
        return lookback, horizon, None
    note = (
        f"{' and '.join(shortened)}: {borders.test} rows are too few for the usual "
        f"{' and '.join(usual)}."
    )
    return lookback, horizon, note


def read_table(
    file: str,
    read_options: Mapping[str, Any],
    covariates: Sequence[str],
    skips_binary: bool = False,
) -> "Series":
    """Read a table with its targets and inputs, and the columns that are known in advance.

    Rows at the end that have values of known inputs only are left out.

    Args:
        file: path of the table.
        read_options: arguments of `read_series`.
        covariates: names of known inputs; those that are columns are read as well as the targets.
        skips_binary: whether columns of 0 and 1 are not forecast, as by the automatic choice.
    """
    from revin_forecast.data.covariates import table_columns
    from revin_forecast.data.last_values import end_with_targets
    from revin_forecast.data.reading.read_series import read_series

    columns = [name for name in table_columns(covariates) if name != "calendar"]
    target = read_options["target"]
    if target is not None and columns:
        read_options = {**read_options, "target": list(dict.fromkeys([*target, *columns]))}
    return end_with_targets(read_series(file, **read_options), columns, skips_binary)


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
        id=reading.id[0] if reading.id and len(reading.id) == 1 else reading.id,
        value=reading.value,
        frequency=reading.frequency,
        time_form=reading.time_form,
        format=reading.format,
        long_gaps=reading.long_gaps,
        resample=reading.resample,
        aggregate=reading.aggregate,
        encoding=reading.encoding,
        skip_rows=reading.skip_rows,
    )
