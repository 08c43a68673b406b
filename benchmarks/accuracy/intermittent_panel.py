"""Intermittent series: real ones derived from the benchmark data, and simulated ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from revin_forecast.data.intermittent import is_intermittent
from revin_forecast.data.reading.rows.frequency import default_season

ORIGINS = 4
SEED = 1
RATES = (0.05, 0.15, 0.3, 0.45)
SIMULATED_ROWS = 300


@dataclass(frozen=True, eq=False)
class IntermittentTask:
    """A series up to an origin, and the values that follow."""

    family: str
    name: str
    frequency: str
    history: np.ndarray
    """(rows,) NaN where unobserved."""
    truth: np.ndarray
    """(horizon,)."""

    @property
    def table(self) -> pd.DataFrame:
        """The history with invented dates."""
        dates = pd.date_range("2020-01-01", periods=len(self.history), freq=self.frequency)
        return pd.DataFrame({"date": dates, "y": self.history})


def load_tasks(
    data: Path, flights: Mapping[str, np.ndarray], quick: bool = False
) -> list[IntermittentTask]:
    """Return the tasks of all families: `ORIGINS` origins one horizon apart, up to the last rows.

    A series is used if it is intermittent before its first origin, the bike trips in any case.

    Args:
        data: folder of the benchmark data.
        flights: counts by family and name, "planes/N199DN".
        quick: only two simulated series and two origins.
    """
    tasks: list[IntermittentTask] = []
    for family, name, frequency, values in _iter_series(data, flights, quick):
        horizon = {"h": 24, "6h": 28, "D": 14, "MS": 12}[frequency]
        origins = 2 if quick else ORIGINS
        first = values[: len(values) - origins * horizon, None]
        if family != "bike trips" and not is_intermittent(first, default_season(frequency))[0]:
            continue
        for start in range(len(values) - origins * horizon, len(values), horizon):
            parts = values[:start], values[start : start + horizon]
            tasks.append(IntermittentTask(family, name, frequency, *parts))
    return tasks


def _iter_series(
    data: Path, flights: Mapping[str, np.ndarray], quick: bool
) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Yield the family, name, frequency and values of each series."""
    simulated = list(simulate_series(SEED))
    if quick:
        yield from simulated[:2]
        return
    covid = pd.read_csv(data / "shift" / "covid_daily.csv")
    for name in covid.columns[1:]:
        yield "covid", name, "D", covid[name].to_numpy(float)
    bikes = _read(data / "shift" / "bike_sharing_hourly.csv")
    for hour in range(2, 6):
        counts = bikes.casual.asfreq("h").fillna(0)
        yield "night rides", str(hour), "D", counts[counts.index.hour == hour].to_numpy(float)
    weather = _read(data / "weather" / "weather.csv.gz")
    rain = weather["rain (mm)"].replace(-9999, np.nan).clip(lower=0)
    for step in ("D", "6h"):
        yield "rain", f"Jena {step}", step, rain.resample(step).sum().to_numpy()[:-1]
    beijing = _read(data / "shift" / "beijing_pm25_hourly.csv")
    for name in ("Is", "Ir"):
        # The file cumulates hours of snow and rain; a positive count is an hour with some.
        hours = (beijing[name] > 0).resample("D").sum()
        yield "rain", f"Beijing {name}", "D", hours.to_numpy(float)
    energy = _read(data / "shift" / "appliances_energy_10min.csv.gz")
    yield "home", "lights", "h", energy.lights.resample("h").sum().to_numpy(float)
    power = _read(data / "shift" / "household_power_hourly.csv.gz")
    yield "home", "kitchen", "h", power.Sub_metering_1.to_numpy(float)[-6000:]
    trips = pd.read_parquet(data / "panel" / "panel.parquet")
    for name, rows in trips[trips.unique_id.str.startswith("bikeday")].groupby("unique_id"):
        yield "bike trips", str(name), "D", rows.y.to_numpy(float)
    for key, counts in flights.items():
        family, _, name = key.partition("/")
        yield family, name, "D", counts
    yield from simulated


def simulate_series(seed: int) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Yield compound Poisson series and series whose rate changes, as if they were monthly."""
    random = np.random.default_rng(seed)
    shape = SIMULATED_ROWS
    sizes = {
        "Poisson": lambda: 1.0 + random.poisson(3, shape),
        "lognormal": lambda: np.exp(random.normal(2, 0.8, shape)).round(2),
        "negative binomial": lambda: 1.0 + random.negative_binomial(1, 0.2, shape),
    }
    for rate in RATES:
        for name, draw in sizes.items():
            for number in range(4):
                occurs = random.random(shape) < rate
                yield "constant rate", f"{name} {rate} {number}", "MS", occurs * draw()
    steps = np.arange(shape)
    for rate in RATES:
        for number in range(4):
            end = rate * random.choice([0.2, 0.5, 2.0])
            linear = np.linspace(rate, end, shape)
            sudden = np.where(steps < random.integers(100, 250), rate, end)
            for name, rates in (("linear", linear), ("sudden", sudden)):
                occurs = random.random(shape) < np.minimum(rates, 0.9)
                size = 1.0 + random.poisson(3, shape)
                yield "changing rate", f"{name} {rate} {number}", "MS", occurs * size


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, parse_dates=["date"]).set_index("date").groupby(level=0).first()
