"""The tables that the default forecaster is compared on, with seasons and held-out parts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series

HELD_OUT_SHARE = 0.2
STEPS_PER_DAY = {"h": 24, "30min": 48, "15min": 96, "10min": 144, "5min": 288}


@dataclass(frozen=True)
class HeldOutTable:
    """A table with the part that is held out of it."""

    file: str
    """Path in the folder of the benchmark data."""
    season: int
    """Rows in a day, a week or a year: the season of MASE, which the statistical models get."""
    horizon: int
    """Steps to forecast: one season, except for M4."""
    origins: int = 4
    """Number of forecasts, evenly spaced over the held-out part."""
    every: int = 1
    """Distance between the channels that are used; 1: all channels."""


@dataclass(frozen=True, eq=False)
class LoadedTable:
    """The values of a table."""

    series: Series
    """All rows, with the held-out part."""
    train: int
    """Rows before the held-out part."""
    origins: tuple[int, ...]
    """Rows before each forecast."""


def _daily_table(file: str, step: str, **options: int) -> HeldOutTable:
    """Return a table whose season and horizon are one day."""
    return HeldOutTable(file, STEPS_PER_DAY[step], STEPS_PER_DAY[step], **options)


_TABLES = (
    _daily_table("ETT-small/ETTh1.csv", "h"),
    _daily_table("ETT-small/ETTh2.csv", "h"),
    _daily_table("ETT-small/ETTm1.csv.gz", "15min"),
    _daily_table("ETT-small/ETTm2.csv.gz", "15min"),
    _daily_table("weather/weather.csv.gz", "10min", origins=2),
    HeldOutTable("exchange_rate/exchange_rate.csv", 5, 5, origins=8),
    HeldOutTable("illness/national_illness.csv", 52, 52),
    _daily_table("WTH/WTH.csv", "h"),
    _daily_table("electricity/ECL_2ch.csv", "h", origins=8),
    _daily_table("electricity/ECL_mean.csv", "h", origins=8),
    _daily_table("traffic/traffic_mean.csv", "h", origins=8),
    # AutoETS takes ten seconds a fit at 288 steps a season, so few sensors and origins.
    _daily_table("traffic/los_speed.csv.gz", "5min", origins=2, every=16),
    _daily_table("shift/bike_sharing_hourly.csv", "h"),
    _daily_table("shift/beijing_pm25_hourly.csv", "h"),
    _daily_table("shift/appliances_energy_10min.csv.gz", "10min", origins=2),
    _daily_table("shift/household_power_hourly.csv.gz", "h"),
    HeldOutTable("shift/covid_daily.csv", 7, 7),
    HeldOutTable("shift/stocks_daily.csv", 5, 5, origins=8),
    HeldOutTable("shift/bitcoin_transactions_daily.csv", 7, 7, origins=8),
    _daily_table("shift/nyc_taxi_30min.csv", "30min", origins=8),
    _daily_table("shift/pjm_load_hourly.csv.gz", "h"),
    HeldOutTable("m4/Hourly", 24, 48, origins=1),
    HeldOutTable("m4/Weekly", 1, 13, origins=1),
)
TABLES = {Path(table.file).name.split(".")[0].lower(): table for table in _TABLES}


def load_table(table: HeldOutTable, folder: str | Path) -> LoadedTable:
    """Read a table and locate its held-out part.

    The first of several rows with the same timestamp is kept: the weather table repeats one. There,
    -9999 marks an unobserved value.
    """
    if table.file.startswith("m4/"):
        series = _read_m4(Path(folder) / table.file, table.horizon)
        train = len(series) - table.horizon
        return LoadedTable(series, train, (train,))
    frame = pd.read_csv(Path(folder) / table.file).drop_duplicates("date").replace(-9999, np.nan)
    series = read_series(frame)
    series = series.select(series.names[:: table.every])
    rows = len(series)
    train = rows - int(HELD_OUT_SHARE * rows)
    origins = np.linspace(train, rows - table.horizon, table.origins).round().astype(int)
    return LoadedTable(series, train, tuple(map(int, origins)))


def _read_m4(stem: Path, horizon: int) -> Series:
    """Read an M4 table, which has no dates: they are invented so that all series end together."""
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
