"""A suite's data sets, read and cut: what models are trained on and what shifts move."""

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from revin_forecast.data import catalog
from revin_forecast.data.entries import Borders, chronological_borders
from revin_forecast.data.frequency import season_of
from revin_forecast.data.reading import read_series
from revin_forecast.errors import InputError
from revin_forecast.fitting import Split
from revin_forecast.shift.sources import SOURCES, LevelDependent, Source
from revin_forecast.shift.suite import DataSource, WindowGrid
from revin_forecast.shift.world import World


@dataclass(frozen=True, eq=False)
class Prepared:
    """A data set ready to train on and to move."""

    split: Split
    world: World
    names: tuple[str, ...]
    shown: bool
    """Whether moved excerpts may be shown: a licence may allow no modified copies."""

    @cached_property
    def sha256(self) -> str:
        """Of the values, the split and the season."""
        split, season = self.split, self.world.season
        facts = f"{split.values.shape}{split.train}{split.validation}{split.test}{season}"
        content = np.ascontiguousarray(split.values).tobytes()
        return hashlib.sha256(content + facts.encode()).hexdigest()


@lru_cache(maxsize=64)
def prepare(source: DataSource, windows: WindowGrid, data_dir: str | None = None) -> Prepared:
    """Read or draw a data set and cut it into training, validation and test.

    Args:
        source: which.
        windows: look-back and horizon.
        data_dir: where catalogued files lie.

    Raises:
        InputError: it is not at hand, or too short.
    """
    if source.file is None and source.name in SOURCES:
        return _synthetic(source, windows)
    if source.file is None:
        entry = catalog.find(source.name)
        series, borders = catalog.load(source.name, data_dir), entry.borders
        season, shown = entry.season, entry.shipped
    else:
        series = read_series(
            Path(source.file),
            time=source.time,
            id=source.id,
            value=source.value,
            frequency=source.frequency,
        )
        borders, shown = chronological_borders(len(series)), True
        season = season_of(series.frequency)
    if source.columns:
        series = series.select(source.columns)
    split = Split(series.values, borders.train, borders.validation, borders.test)
    return _prepared(source, windows, split, source.season or season, (series.names, shown))


def _synthetic(source: DataSource, windows: WindowGrid) -> Prepared:
    process = SOURCES[source.name]
    if isinstance(process, LevelDependent):
        process = process.fitted_to(windows.lookback, windows.horizon, source.severity)
    elif source.severity:
        raise InputError(f"{source.name} has no severities of its own, but got {source.severity}.")
    return drawn(source, windows, process)


def drawn(source: DataSource, windows: WindowGrid, process: Source) -> Prepared:
    """Draw a process and cut it; its values are taken as they are, without z-score.

    Args:
        source: gives the name, and the season if it is another than the process's.
        windows: look-back and horizon.
        process: what is drawn.
    """
    values = process.simulate()
    alone = isinstance(process, LevelDependent)
    third = len(values) // 3
    cut = Borders(third, 2 * third, len(values)) if alone else chronological_borders(len(values))
    split = Split(values, cut.train, cut.validation, cut.test, scaling=0, apart=alone)
    names = tuple(f"{source.name} {number + 1}" for number in range(values.shape[1]))
    season = source.season or process.season
    return _prepared(source, windows, split, season, (names, True), process)


def _prepared(
    source: DataSource,
    windows: WindowGrid,
    split: Split,
    season: int,
    labels: tuple[tuple[str, ...], bool],
    process: Source | None = None,
) -> Prepared:
    start = split.validation if split.apart else split.validation - windows.lookback
    if start < 0 or split.test - start < windows.lookback + windows.horizon:
        raise InputError(
            f"{source.name} has {split.test - split.validation} test rows after {split.validation} "
            f"others: no window of look-back {windows.lookback} and horizon {windows.horizon} "
            "fits. Choose shorter ones in the suite."
        )
    world = World(
        name=source.name,
        values=split.standardizer.transform(split.values[: split.test]),
        train=split.train,
        start=start,
        lookback=windows.lookback,
        horizon=windows.horizon,
        season=season,
        source=process,
    )
    return Prepared(split, world, *labels)
