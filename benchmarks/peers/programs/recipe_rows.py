"""Data, sizes and rows that the measured recipes share."""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from revin_forecast.checks import audit_model

STOCKS = Path(__file__).parents[3] / "datasets" / "stocks_daily.csv"
LOOKBACK, HORIZON = 60, 20
TEST_ROWS = 16 * HORIZON
"""Rows of the held-out forecasts, one after the other."""
CHECKED_WINDOWS = 8
STEPS = 1 if "--quick" in sys.argv else 300
RATE = 1e-3
SEED = 1


def load_stocks() -> pd.DataFrame:
    """Return the logarithms of three daily prices, a column for each."""
    prices = pd.read_csv(STOCKS, index_col=0).interpolate()
    return pd.DataFrame(np.log(prices.to_numpy()), columns=prices.columns)


def list_cutoffs(rows: int) -> range:
    """Return the first rows of the held-out forecasts."""
    return range(rows - TEST_ROWS, rows, HORIZON)


def get_checked_windows(channels: int) -> Tensor:
    """Return the windows for the checks, which follow each other, of some of the prices."""
    values = load_stocks().to_numpy(np.float32)[: CHECKED_WINDOWS * LOOKBACK, :channels]
    return torch.tensor(values).unflatten(0, (CHECKED_WINDOWS, LOOKBACK))


def compute_error(forecast: np.ndarray) -> float:
    """Return the mean squared error of (cutoffs, horizon, channels)."""
    truth = load_stocks().to_numpy()[-TEST_ROWS:].reshape(forecast.shape)
    return float(np.square(forecast - truth).mean())


def build_row(model: str, forecast: np.ndarray, net: nn.Module, windows: Any) -> dict[str, Any]:
    """Return the row of a trained model: its error, and the promises of `check_model` it breaks."""
    broken = [one.promise for one in audit_model(net, windows) if one.holds is False]
    error = float(f"{compute_error(forecast):.4g}")
    return {"model": model, "MSE": error, "breaks": "; ".join(broken) or "-"}


def print_rows(library: str, rows: list[dict[str, Any]]) -> None:
    """Print the rows and the versions of the libraries as the last line of output."""
    versions = {name: version(name) for name in (library, "torch")}
    rows = [{"library": library, **row} for row in rows]
    print(json.dumps({"versions": versions, "rows": rows}))
