"""The same forecasts from Ray, started here for the work and ended with it."""

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import Forecaster
from revin_forecast.backbones import Ridge
from revin_forecast.errors import InputError
from revin_forecast.forecasting.groups import forecast_groups
from revin_forecast.forecasting.parallel import predict_parallel
from revin_forecast.parallel import make_engine
from revin_forecast.parallel.inline import InlineEngine

ray = pytest.importorskip("ray")
pytestmark = [
    # Ray's own: sockets and processes that it closes when it is collected.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def cluster():
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
    yield
    ray.shutdown()


def table():
    random = np.random.default_rng(0)
    stamps = pd.date_range("2024-01-01", periods=90, freq="D")
    parts = [
        pd.DataFrame({"region": region, "unique_id": name, "ds": stamps})
        for region in ("north", "south")
        for name in ("a", "b")
    ]
    long = pd.concat(parts, ignore_index=True)
    return long.assign(y=random.normal(size=len(long)).cumsum())


def test_ray_gives_the_same_to_the_last_bit(cluster, monkeypatch):
    engine = make_engine("ray")
    here = forecast_groups(Forecaster(3), table(), "region")
    pd.testing.assert_frame_equal(
        forecast_groups(Forecaster(3), table(), "region", engine=engine), here, rtol=0, atol=0
    )
    monkeypatch.setattr("revin_forecast.forecasting.parallel.SERIES_PER_TASK", 1)
    one = table()[lambda rows: rows.region == "north"].drop(columns="region")
    fitted = Forecaster(3, 14, Ridge).fit(one).fitted
    past = fitted.standardizer.to_tensor(fitted.history.values).unsqueeze(0)
    forecast, quantiles = predict_parallel(fitted, past, engine, [0.1, 0.9])
    wanted = predict_parallel(fitted, past, InlineEngine(), [0.1, 0.9])
    assert torch.equal(forecast, wanted[0])
    assert torch.equal(quantiles, wanted[1])
    with pytest.raises(ValueError, match="invalid literal for int"):
        engine.map(int, ["1", "x"])
    assert ray.is_initialized()  # it was there before


def test_a_ray_that_the_engine_started_is_ended(monkeypatch):
    told = []
    engine = make_engine("ray", address="auto")
    monkeypatch.setattr(ray, "init", lambda **options: told.append(options["address"]))
    monkeypatch.setattr(ray, "shutdown", lambda: told.append("end"))
    monkeypatch.setattr(engine, "_map", lambda function, tasks: told.append(tasks) or [1])
    assert engine.map(int, ["1"]) == [1]
    assert told == ["auto", ["1"], "end"]


def test_a_cluster_that_does_not_answer_is_told(monkeypatch):
    def refused(**options):
        raise ConnectionError("nobody at 10.0.0.1")

    monkeypatch.setattr(ray, "init", refused)
    with pytest.raises(InputError, match=r"no Ray cluster answers: nobody at 10\.0\.0\.1\. Start"):
        make_engine("ray").map(int, ["1"])
