"""The data that all contenders are given."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.accuracy.planned_row import split_of
from benchmarks.peers.programs.protocol import Rows, Work
from revin_forecast.data.catalog import catalog

DATA = "etth1"
SMALL = 2_000
"""Rows of the table that is forecast, with those held back."""


class Given(NamedTuple):
    """What is trained on, and what is forecast."""

    rows: Rows
    table: pd.DataFrame
    """Hourly, indexed by time, in its own units."""


def benchmark(data_dir: str | None, scratch: Path) -> Given:
    """Return ETTh1 in the standard split, z-scored by its training rows, and its last test rows."""
    split, _ = split_of(DATA, data_dir)
    values = split.standardizer.transform(split.values[: split.test])
    rows = _kept(values, split.train, split.validation, scratch)
    series = catalog.load_dataset(DATA, data_dir)
    table = pd.DataFrame(series.values, index=series.timestamps, columns=list(series.names))
    return Given(rows, table.iloc[split.test - SMALL : split.test])


def made_up(work: Work, batches: int, scratch: Path) -> Given:
    """Return a few batches of random walks for each part, and a short table of noise."""
    random, channels = np.random.default_rng(0), 3
    part = work.horizon - 1 + batches * work.batch_size
    train = work.lookback + part
    walks = random.normal(0, 0.1, (train + 2 * part, channels)).cumsum(0)
    rows = _kept(walks, train, train + part, scratch)
    hours = pd.date_range("2024-01-01", periods=200, freq="h")
    names = [f"series {number}" for number in range(channels)]
    noise = pd.DataFrame(random.normal(size=(len(hours), channels)), hours, names)
    return Given(rows, noise)


def _kept(values: np.ndarray, train: int, validation: int, scratch: Path) -> Rows:
    path = scratch / "values.npy"
    np.save(path, values.astype(np.float32))
    return Rows(str(path), train, validation, test=len(values))
