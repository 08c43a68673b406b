"""The data that all entries are trained on and forecast."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.accuracy.splits import load_split
from benchmarks.peers.programs.protocol import Rows, Work
from revin_forecast.data.catalog import catalog

DATASET = "etth1"
TABLE_ROWS = 2_000
"""Rows of the small table, with those held out."""


class PeerData(NamedTuple):
    """The data of a comparison."""

    rows: Rows
    """Values to train and test on."""
    table: pd.DataFrame
    """Small table to forecast: hourly, indexed by time, in its own units."""


def load_etth1(data_dir: str | None, scratch: Path) -> PeerData:
    """Return ETTh1 in the standard split, z-scored with its training rows, and its last rows."""
    split, _ = load_split(DATASET, data_dir)
    values = split.standardizer.transform(split.values[: split.test])
    rows = _save_rows(values, split.train, split.validation, scratch)
    series = catalog.load_dataset(DATASET, data_dir)
    table = pd.DataFrame(series.values, index=series.timestamps, columns=list(series.names))
    return PeerData(rows, table.iloc[split.test - TABLE_ROWS : split.test])


def make_random_data(work: Work, batches: int, scratch: Path) -> PeerData:
    """Return some batches of random walks for each part, and a short table of noise."""
    random, channels = np.random.default_rng(0), 3
    part = work.horizon - 1 + batches * work.batch_size
    train = work.lookback + part
    walks = random.normal(0, 0.1, (train + 2 * part, channels)).cumsum(0)
    rows = _save_rows(walks, train, train + part, scratch)
    hours = pd.date_range("2024-01-01", periods=200, freq="h")
    names = [f"series {number}" for number in range(channels)]
    noise = pd.DataFrame(random.normal(size=(len(hours), channels)), hours, names)
    return PeerData(rows, noise)


def _save_rows(values: np.ndarray, train: int, validation: int, scratch: Path) -> Rows:
    path = scratch / "values.npy"
    np.save(path, values.astype(np.float32))
    return Rows(str(path), train, validation, test=len(values))
