"""Data sets of the verdicts' record, with their families, splits and window sizes."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from revin_forecast.data.catalog import catalog
from revin_forecast.data.catalog.catalog import CATALOG, SplitBorders, split_7_1_2
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.shift.card.card import card_window_sizes

OUTSIDE_FILES = {
    "WTH/WTH.csv": 1,
    "electricity/ECL_2ch.csv": 1,
    "electricity/ECL_mean.csv": 1,
    "traffic/traffic_mean.csv": 1,
    "traffic/los_speed.csv.gz": 10,
    "shift/appliances_energy_10min.csv.gz": 1,
    "shift/beijing_pm25_hourly.csv": 1,
    "shift/bike_sharing_hourly.csv": 1,
    "shift/bitcoin_transactions_daily.csv": 1,
    "shift/covid_daily.csv": 1,
    "shift/household_power_hourly.csv.gz": 1,
    "shift/nyc_taxi_30min.csv": 1,
    "shift/pjm_load_hourly.csv.gz": 1,
}
"""Files outside the catalogue, and the distance between the channels that are used."""
FAMILIES = {"etth1": "ett", "etth2": "ett", "ettm1": "ett", "ettm2": "ett"} | {
    "ECL_2ch": "electricity",
    "ECL_mean": "electricity",
}
"""Family of a data set that is not the only one of its family."""
MIN_USUAL_ROWS = 120
"""Rows of a series of the panel from which on it has the usual split 7:1:2."""


class Dataset(NamedTuple):
    """Channels with one split and one pair of window sizes."""

    name: str
    part: str
    """"panel", "catalogue" or "files"."""
    family: str
    """Families are left out in turn."""
    values: np.ndarray
    """(time, channels); NaN is unobserved."""
    channels: tuple[str, ...]
    borders: SplitBorders
    sizes: tuple[int, int]
    """Look-back and horizon."""


def iter_datasets(data_dir: str | None, quick: bool) -> Iterator[Dataset]:
    """Yield the series of the panel, the available sets of the catalogue, and the other files.

    Args:
        data_dir: folder of the benchmark data.
        quick: whether only the data sets shipped with the package are used.
    """
    folder = catalog.data_folder(data_dir)
    if not quick and (folder / "panel" / "panel.parquet").is_file():
        yield from _iter_panel(folder / "panel")
    for name, entry in CATALOG.items():
        if catalog.locate_file(name, data_dir) and (entry.is_shipped or not quick):
            series = catalog.load_dataset(name, data_dir)
            values = series.values[: entry.borders.test]
            yield _make_dataset(name, "catalogue", values, series.names, entry.borders)
    for file, step in {} if quick else OUTSIDE_FILES.items():
        path = folder / file
        if path.is_file():
            series = read_series(path)
            values, channels = series.values[:, ::step], series.names[::step]
            name = path.name.partition(".")[0]
            yield _make_dataset(name, "files", values, channels, split_7_1_2(len(values)))


def _make_dataset(
    name: str, part: str, values: np.ndarray, channels: tuple[str, ...], borders: SplitBorders
) -> Dataset:
    """Return a data set with the window sizes that its shift card selects."""
    sizes = card_window_sizes(borders.train, borders.test - borders.validation)[:2]
    family = FAMILIES.get(name, name)
    return Dataset(name, part, family, values, tuple(channels), borders, sizes)


def _iter_panel(folder: Path) -> Iterator[Dataset]:
    """Yield the series of the panel; those of a family that are equally long come together."""
    rows = pd.read_parquet(folder / "panel.parquet")
    series = {name: part["y"].to_numpy() for name, part in rows.groupby("unique_id")}
    facts = pd.read_csv(folder / "panel.csv")
    groups = sorted({*zip(facts["family"], facts["rows"], strict=True)})
    for family, length in groups:
        names = tuple(facts["unique_id"][(facts["family"] == family) & (facts["rows"] == length)])
        values = np.stack([series[name] for name in names], axis=1).astype(np.float64)
        if length >= MIN_USUAL_ROWS:
            borders = split_7_1_2(length)
            sizes = card_window_sizes(borders.train, borders.test - borders.validation)[:2]
        else:
            # Short series: a longer test part and a shorter horizon, or no stretches would fit.
            borders = SplitBorders(length // 2, length - int(0.4 * length), length)
            sizes = 4, 4 if borders.test - borders.validation >= 32 else 2
        yield Dataset(f"{family} ({length} rows)", "panel", family, values, names, borders, sizes)
