"""The table, the sizes and the clients of the tests of the service."""

import numpy as np
import pandas as pd
from starlette.testclient import TestClient

from revin_forecast.serving.app import create_app
from revin_forecast.serving.pool import RequestLimits, WorkerPool, describe_model

ROWS, HORIZON, LOOKBACK = 120, 5, 14
CSV = {"Content-Type": "text/csv"}
JSON = {"Content-Type": "application/json"}


def make_table(rows=ROWS):
    """Return days of two series; the name of the second one would be markup in HTML."""
    random = np.random.default_rng(0)
    stamps = pd.date_range("2024-01-01", periods=rows, freq="D")
    season = 10 * np.sin(np.arange(rows) * 2 * np.pi / 7)
    values = {"a": 50 + season + random.normal(size=rows), "b<i>": 90 - season}
    return pd.DataFrame({"day": stamps, **values})


def make_client(workers, token="", local=True, **limits):
    """Return a client of a service with these workers."""
    pool = WorkerPool(workers, RequestLimits(**limits))
    app = create_app(pool, describe_model(workers), local, token)
    return TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
