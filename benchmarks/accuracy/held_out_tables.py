"""What the default is compared on: each file with its season, and what is held out of it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series

HELD_OUT = 0.2


@dataclass(frozen=True)
class Task:
    """A table to forecast, one season ahead unless a horizon says otherwise."""

    file: str
    """In the folder of benchmark data."""
    season: int
    """Rows in a day, a week or a year; what the statistical models are told, and MASE's."""
    horizon: int
    origins: int = 4
    """Forecasts are made from, evenly spaced over the part held out."""
    every: int = 1
    """Channels are this far apart; 1: all."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A task with its values."""

    series: Series
    """All rows, those held out too."""
    train: int
    """Rows before the part held out."""
    origins: tuple[int, ...]
    """Rows before each forecast."""


DAYS = {"h": 24, "30min": 48, "15min": 96, "10min": 144, "5min": 288}


def _daily(file: str, step: str, **options: int) -> Task:
    return Task(file, DAYS[step], DAYS[step], **options)


_TASKS = (
    _daily("ETT-small/ETTh1.csv", "h"),
    _daily("ETT-small/ETTh2.csv", "h"),
    _daily("ETT-small/ETTm1.csv.gz", "15min"),
    _daily("ETT-small/ETTm2.csv.gz", "15min"),
    _daily("weather/weather.csv.gz", "10min", origins=2),
    Task("exchange_rate/exchange_rate.csv", 5, 5, origins=8),
    Task("illness/national_illness.csv", 52, 52),
    _daily("WTH/WTH.csv", "h"),
    _daily("electricity/ECL_2ch.csv", "h", origins=8),
    _daily("electricity/ECL_mean.csv", "h", origins=8),
    _daily("traffic/traffic_mean.csv", "h", origins=8),
    _daily("traffic/los_speed.csv.gz", "5min", origins=2, every=16),
    _daily("shift/bike_sharing_hourly.csv", "h"),
    _daily("shift/beijing_pm25_hourly.csv", "h"),
    _daily("shift/appliances_energy_10min.csv.gz", "10min", origins=2),
    _daily("shift/household_power_hourly.csv.gz", "h"),
    Task("shift/covid_daily.csv", 7, 7),
    Task("shift/stocks_daily.csv", 5, 5, origins=8),
    Task("shift/bitcoin_transactions_daily.csv", 7, 7, origins=8),
    _daily("shift/nyc_taxi_30min.csv", "30min", origins=8),
    _daily("shift/pjm_load_hourly.csv.gz", "h"),
    Task("m4/Hourly", 24, 48, origins=1),
    Task("m4/Weekly", 1, 13, origins=1),
)
TASKS = {Path(task.file).name.split(".")[0].lower(): task for task in _TASKS}


def load(task: Task, folder: str | Path) -> Problem:
    """Read a task's table and say what is held out.

    The weather's second row of a repeated stamp is left out, and its -9999 are unobserved.
    """
    if task.file.startswith("m4/"):
        series = _competition(Path(folder) / task.file, task.horizon)
        train = len(series) - task.horizon
        return Problem(series, train, (train,))
    table = pd.read_csv(Path(folder) / task.file).drop_duplicates("date").replace(-9999, np.nan)
    series = read_series(table)
    series = series.select(series.names[:: task.every])
    rows = len(series)
    train = rows - int(HELD_OUT * rows)
    origins = np.linspace(train, rows - task.horizon, task.origins).round().astype(int)
    return Problem(series, train, tuple(map(int, origins)))


def _competition(stem: Path, horizon: int) -> Series:
    """Read an M4 table, which has no dates: they are made up, so that all series end together."""
    parts = []
    for part in ("train", "test"):
        path = stem.with_name(f"{stem.name}-{part}.csv")
        path = path if path.is_file() else path.with_name(f"{path.name}.gz")
        parts.append(pd.read_csv(path, index_col=0))
    train, test = parts
    step = "h" if stem.name == "Hourly" else "W-SUN"
    longest = train.shape[1]
    dates = pd.date_range(end="2024-12-29", periods=longest + horizon, freq=step)
    columns = {}
    for name, row in train.iterrows():
        past = row.dropna().to_numpy()
        columns[name] = np.concatenate(
            [np.full(longest - len(past), np.nan), past, test.loc[name].to_numpy()]
        )
    return read_series(pd.DataFrame({"date": dates, **columns}))
