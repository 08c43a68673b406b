"""Prepare a suite's data sets: read or simulate them, split them, standardize them."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from revin_forecast.data.catalog import catalog
from revin_forecast.data.catalog.catalog import SplitBorders, split_7_1_2
from revin_forecast.data.catalog.dated.dated_shift import read_dated_shifts
from revin_forecast.data.catalog.dated.load import load_dated_shift
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.reading.rows.frequency import default_season
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.errors import InputError
from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.processes import LevelDependent, Process
from revin_forecast.shift.suite.suite import DatasetConfig, WindowConfig
from revin_forecast.utils.files import split_part


@dataclass(frozen=True, eq=False)
class PreparedDataset:
    """A data set ready for training and for shifts."""

    split: ChronologicalSplit
    shift_dataset: ShiftDataset
    channel_names: tuple[str, ...]
    can_show_excerpts: bool
    """Whether shifted excerpts may be published: some licences forbid modified copies."""

    @cached_property
    def sha256(self) -> str:
        """Digest of the values, the split and the season."""
        split, season = self.split, self.shift_dataset.season
        facts = f"{split.values.shape}{split.train}{split.validation}{split.test}{season}"
        content = np.ascontiguousarray(split.values).tobytes()
        return hashlib.sha256(content + facts.encode()).hexdigest()


def prepare_dataset(
    dataset_config: DatasetConfig, windows: WindowConfig, data_dir: str | None = None
) -> PreparedDataset:
    """Read or simulate a data set and split it into training, validation and test.

    A process does so once for each data set, and again if its file has changed.

    Args:
        dataset_config: the data set.
        windows: look-back and horizon.
        data_dir: folder of the catalogued files.

    Raises:
        InputError: the data set is not available, or too short.
    """
    # The stride changes no data: suites that differ in nothing else share them.
    windows = replace(windows, stride=1)
    return _prepare_once(dataset_config, windows, data_dir, _file_state(dataset_config))


def _file_state(dataset_config: DatasetConfig) -> tuple[int, int] | None:
    """Return time of change and size of the data set's own file."""
    if dataset_config.file is None:
        return None
    path = Path(split_part(dataset_config.file)[0])
    if not path.is_file():
        return None
    state = path.stat()
    return state.st_mtime_ns, state.st_size


@lru_cache(maxsize=64)
def _prepare_once(
    dataset_config: DatasetConfig,
    windows: WindowConfig,
    data_dir: str | None,
    file_state: tuple[int, int] | None,
) -> PreparedDataset:
    process = dataset_config.known_process
    if process is not None:
        return _prepare_synthetic(dataset_config, windows, process)
    if dataset_config.file is None and dataset_config.name in read_dated_shifts():
        dated = load_dated_shift(dataset_config.name, data_dir)
        series, borders, season = dated.series, dated.borders, dated.shift.season
        # Excerpts would publish data of other packages, whose licences are mixed.
        can_show_excerpts = dated.shift.source.is_shipped
    elif dataset_config.file is None:
        entry = catalog.find_entry(dataset_config.name)
        series, borders = catalog.load_dataset(dataset_config.name, data_dir), entry.borders
        season, can_show_excerpts = entry.season, entry.is_shipped
    else:
        series = read_series(
            Path(dataset_config.file),
            time=dataset_config.time,
            id=dataset_config.id,
            value=dataset_config.value,
            frequency=dataset_config.frequency,
            time_form=dataset_config.time_form,
            format=dataset_config.format,
            long_gaps=dataset_config.long_gaps,
            resample=dataset_config.resample,
            aggregate=dataset_config.aggregate,
            encoding=dataset_config.encoding,
            skip_rows=dataset_config.skip_rows,
        )
        borders, can_show_excerpts = split_7_1_2(len(series)), True
        season = default_season(series.frequency)
    if dataset_config.columns:
        series = series.select(dataset_config.columns)
    split = ChronologicalSplit(series.values, borders.train, borders.validation, borders.test)
    labels = series.names, can_show_excerpts
    return _build_prepared(dataset_config, windows, split, dataset_config.season or season, labels)


def _prepare_synthetic(
    dataset_config: DatasetConfig, windows: WindowConfig, process: Process
) -> PreparedDataset:
    if isinstance(process, LevelDependent):
        process = process.with_windows(windows.lookback, windows.horizon, dataset_config.severity)
    elif dataset_config.severity:
        raise InputError(
            f"{dataset_config.name} has no severities, but got severity {dataset_config.severity}. "
            "Leave it out."
        )
    return prepare_process(dataset_config, windows, process)


def prepare_process(
    dataset_config: DatasetConfig, windows: WindowConfig, process: Process
) -> PreparedDataset:
    """Simulate a process and split it; its values are not standardized.

    Args:
        dataset_config: name, and season if it differs from the process's.
        windows: look-back and horizon.
        process: the simulated process.
    """
    values = process.simulate()
    # Level-dependent data are three independent blocks, not one series: each is one part.
    is_level_dependent = isinstance(process, LevelDependent)
    third = len(values) // 3
    borders = (
        SplitBorders(third, 2 * third, len(values))
        if is_level_dependent
        else split_7_1_2(len(values))
    )
    split = ChronologicalSplit(
        values,
        borders.train,
        borders.validation,
        borders.test,
        scaling_rows=0,
        has_independent_parts=is_level_dependent,
    )
    names = tuple(f"{dataset_config.name} {number + 1}" for number in range(values.shape[1]))
    season = dataset_config.season or process.season
    return _build_prepared(dataset_config, windows, split, season, (names, True), process)


def _build_prepared(
    dataset_config: DatasetConfig,
    windows: WindowConfig,
    split: ChronologicalSplit,
    season: int,
    labels: tuple[tuple[str, ...], bool],
    process: Process | None = None,
) -> PreparedDataset:
    start = split.validation if split.has_independent_parts else split.validation - windows.lookback
    if start < 0 or split.test - start < windows.lookback + windows.horizon:
        raise InputError(
            f"{dataset_config.name} has {split.test - split.validation} test rows after "
            f"{split.validation} others: no window of look-back {windows.lookback} and horizon "
            f"{windows.horizon} fits. Choose shorter ones in the suite."
        )
    shift_dataset = ShiftDataset(
        name=dataset_config.name,
        values=split.standardizer.transform(split.values[: split.test]),
        train=split.train,
        start=start,
        lookback=windows.lookback,
        horizon=windows.horizon,
        season=season,
        process=process,
        has_independent_parts=split.has_independent_parts,
    )
    return PreparedDataset(split, shift_dataset, *labels)
