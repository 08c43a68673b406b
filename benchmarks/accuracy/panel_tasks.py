"""The development panel: series of many kinds, each forecast from two origins."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

MIN_HISTORY = 10
"""Least rows before an origin (or one horizon, if that is more)."""
MAX_HISTORY = 1000
"""The peers see so many rows."""
FREQUENCIES = {"Y": "yearly", "Q": "quarterly", "M": "monthly", "W": "weekly", "D": "daily"}
"""First letter of a pandas frequency -> its word on the page."""


@dataclass(frozen=True, eq=False)
class PanelTask:
    """One forecast: a series, cut before the rows to forecast."""

    name: str
    family: str
    """Source of the series, such as tourism."""
    step: str
    """Pandas frequency of the rows."""
    season: int
    """Rows in a season; 1: no season."""
    origin: int
    """1: the last `horizon` rows are forecast; 2: the `horizon` rows before these."""
    dates: np.ndarray
    """Dates (rows,) before the origin."""
    values: np.ndarray
    """Values (rows,) before the origin, NaN where unobserved."""
    targets: np.ndarray
    """Values (horizon,) after the origin, NaN where unobserved."""

    @property
    def horizon(self) -> int:
        """Number of steps to forecast."""
        return len(self.targets)

    @property
    def frequency(self) -> str:
        """The step as a word, such as monthly."""
        return FREQUENCIES[self.step[0]]

    @cached_property
    def scale(self) -> float:
        """Mean absolute seasonal difference of all rows before the origin, the scale of MASE.

        It is that of neighbouring rows where the seasonal one is zero or the rows are too few
        (Hyndman and Koehler, 2006).
        """
        for lag in (self.season, 1):
            differences = np.abs(self.values[lag:] - self.values[:-lag])
            if np.nansum(differences) > 0:
                return float(np.nanmean(differences))
        return float("nan")

    @cached_property
    def history(self) -> np.ndarray:
        """The last 1,000 rows with gaps interpolated, as the peers see them."""
        values = self.values[-MAX_HISTORY:]
        observed = np.flatnonzero(np.isfinite(values))
        return np.interp(np.arange(observed[0], len(values)), observed, values[observed])


def load_tasks(folder: Path, families: Sequence[str] = (), every: int = 1) -> list[PanelTask]:
    """Return the tasks of a panel: origin 1 of all series, then origin 2.

    Args:
        folder: has `panel.csv` (unique_id, family, frequency, season, horizon) and
            `panel.parquet` (unique_id, ds, y).
        families: only these; all if empty.
        every: distance between the series that are used.
    """
    listed = pd.read_csv(folder / "panel.csv")
    unknown = {*families} - {*listed.family}
    if unknown:
        raise SystemExit(f"the panel has no {sorted(unknown)}; it has {sorted({*listed.family})}")
    if families:
        listed = listed[listed.family.isin(families)]
    long = pd.read_parquet(folder / "panel.parquet")
    series = dict(iter(long.groupby("unique_id", sort=False)))
    tasks = []
    for origin in (1, 2):
        for entry in listed.iloc[::every].to_dict("records"):
            rows, horizon = series[entry["unique_id"]], int(entry["horizon"])
            cut = len(rows) - origin * horizon
            # The scale at origin 1 exists for every series of the panel.
            if origin > 1 and cut < max(MIN_HISTORY, horizon):
                continue
            dates, values = rows.ds.to_numpy(), rows.y.to_numpy(dtype=float)
            task = PanelTask(
                entry["unique_id"],
                entry["family"],
                entry["frequency"],
                int(entry["season"]),
                origin,
                dates[:cut],
                values[:cut],
                values[cut : cut + horizon],
            )
            tasks.append(task)
    return tasks
