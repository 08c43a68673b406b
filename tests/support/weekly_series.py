"""Daily series with a weekly season, for backtests."""

import numpy as np
import pandas as pd

from revin_forecast.data.series import Series

ROWS = 200


def make_values(rows=ROWS, channels=2, seed=0):
    """Return (rows, channels) values."""
    random = np.random.default_rng(seed)
    season = np.sin(np.arange(rows)[:, None] * 2 * np.pi / 7)
    return 50 + 10 * np.arange(1, channels + 1) * season + random.normal(size=(rows, channels))


def make_series(values=None, names=("a", "b")):
    """Return values, by default those of `make_values`, as days from 2024-01-01 on."""
    values = make_values() if values is None else values
    stamps = pd.date_range("2024-01-01", periods=len(values), freq="D")
    return Series(values, stamps, names[: values.shape[1]], "D")
