"""Twelve tasks of GIFT-Eval, rebuilt from the benchmark data."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.accuracy.held_out_tables import TABLES, load_table
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series
from revin_forecast.metrics import seasonal_scale

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Quantiles that GIFT-Eval scores."""
TEST_SHARE = 0.1
"""Share of the rows that the test windows should cover."""
MAX_WINDOWS = 20
SHORT_HORIZON = 48
TERMS = {"short": 1, "medium": 10, "long": 15}
"""Horizon of each term, relative to that of the short one."""


@dataclass(frozen=True)
class GiftTask:
    """A table, its step and its horizon."""

    name: str
    """Name in GIFT-Eval: table, step, term."""
    season: int
    """Steps per season: the lag of MASE and of the seasonal naive forecast."""
    horizon: int

    @property
    def table(self) -> str:
        """First part of the name."""
        return self.name.split("/")[0]

    def count_windows(self, rows: int) -> int:
        """Return the number of test windows of a table of so many rows.

        >>> [task.count_windows(17_420) for task in TASKS[2:5]]
        [20, 4, 3]
        """
        if self.table.startswith("m4"):
            return 1
        return min(MAX_WINDOWS, max(1, math.ceil(TEST_SHARE * rows / self.horizon)))


def _list_ett_tasks(step: str, season: int, terms: tuple[str, ...]) -> list[GiftTask]:
    return [
        GiftTask(f"{table}/{step}/{term}", season, TERMS[term] * SHORT_HORIZON)
        for table in ("ett1", "ett2")
        for term in terms
    ]


TASKS = (
    GiftTask("m4_weekly/W/short", 1, 13),
    GiftTask("m4_hourly/H/short", 24, 48),
    *_list_ett_tasks("H", 24, ("short", "medium", "long")),
    *_list_ett_tasks("15T", 96, ("short", "medium")),
)


@dataclass(frozen=True, eq=False)
class LoadedTask:
    """The values of a task and its test windows, which follow each other without overlap."""

    task: GiftTask
    series: Series
    """All rows, NaN before the first value of a short series."""
    origins: tuple[int, ...]
    """Rows before each window."""

    @property
    def has_all_rows(self) -> bool:
        """Whether every series has a value in every row."""
        return bool(np.isfinite(self.series.values).all())

    @property
    def truth(self) -> Float[Tensor, "windows horizon series"]:
        """Values of the windows."""
        values = torch.from_numpy(self.series.values)
        return torch.stack([values[origin : origin + self.task.horizon] for origin in self.origins])

    @property
    def scale(self) -> Float[Tensor, "windows 1 series"]:
        """Unit of the errors: mean absolute seasonal change of a series before each window."""
        values = torch.from_numpy(self.series.values)
        scales = [seasonal_scale(values[:origin], self.task.season) for origin in self.origins]
        return torch.stack(scales).unsqueeze(1)


def load_task(task: GiftTask, folder: str | Path, last_rows: int | None = None) -> LoadedTask:
    """Read the table of a task and locate its test windows.

    The hourly transformer tables of GIFT-Eval are means of the 15-minute ones, not the hourly files
    of the standard benchmark.

    Args:
        task: the task.
        folder: folder of the benchmark data.
        last_rows: number of the last rows of two series, for a quick run; None: everything.
    """
    series = _load_series(task, Path(folder))
    if last_rows is not None:
        series = series.select(series.names[:2])
        series = series.slice_rows(len(series) - last_rows, len(series))
    rows = len(series)
    count = task.count_windows(rows)
    origins = rows - task.horizon * np.arange(count, 0, -1)
    return LoadedTask(task, series, tuple(map(int, origins)))


def _load_series(task: GiftTask, folder: Path) -> Series:
    if task.table.startswith("m4"):
        return load_table(TABLES[task.table.removeprefix("m4_")], folder).series
    path = folder / "ETT-small" / f"ETTm{task.table[-1]}.csv.gz"
    frame = pd.read_csv(path, parse_dates=["date"])
    if task.name.split("/")[1] == "H":
        frame = frame.resample("h", on="date").mean().reset_index()
    return read_series(frame)
