"""The Ray engines return the same results and shut down only the cluster they started."""

from collections import deque
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import Forecaster
from revin_forecast.backbones import Ridge
from revin_forecast.errors import InputError
from revin_forecast.forecasting.groups import forecast_groups
from revin_forecast.forecasting.parallel import predict_parallel
from revin_forecast.shift.benchmark import ExecutionSettings, make_jobs
from revin_forecast.shift.runner.results import compile_results
from revin_forecast.shift.runner.run_jobs import run_jobs
from revin_forecast.utils.parallel import make_engine
from revin_forecast.utils.parallel.engine import Outcome, SpoiledWorkerError, WorkerLostError
from revin_forecast.utils.parallel.inline import InlineEngine
from tests.support.bad_tasks import end_badly
from tests.support.limits import HANG_SECONDS
from tests.support.shift_suites import make_small_suite

ray = pytest.importorskip("ray")
pytestmark = [
    # Ray closes its sockets and processes only when it is garbage collected.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    """Two nodes on the loopback interface, with one processor each."""
    from ray.cluster_utils import Cluster

    # The workers of the nodes find the modules of the tests.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        nodes.add_node(num_cpus=1)
        yield nodes
        nodes.shutdown()


@pytest.fixture
def connection(cluster):
    """Connect to the cluster before the engine does."""
    ray.init(cluster.address, log_to_driver=False, include_dashboard=False)
    yield
    ray.shutdown()


def run_benchmark(suite, folder, engine):
    jobs = make_jobs(suite, ExecutionSettings(str(folder), timeout=HANG_SECONDS))
    events = []
    run_jobs(jobs, engine, events.append)
    results = compile_results([job.run for job in jobs])
    errors = {key: value.tobytes() for key, value in results.window_errors.items()}
    return results, errors, events


@pytest.mark.slow
@pytest.mark.usefixtures("plain_shapes")
def test_the_shift_benchmark_gives_the_same_results_on_two_nodes(cluster, tmp_path):
    assert len(cluster.list_all_nodes()) == 2
    suite = make_small_suite(shifts=("level",))
    engine = make_engine("ray", 1, cluster.address)
    remote, remote_errors, events = run_benchmark(suite, tmp_path / "ray", engine)
    inline, inline_errors, _ = run_benchmark(suite, tmp_path / "here", InlineEngine())
    assert remote_errors == inline_errors
    assert remote.cells.equals(inline.cells)
    assert sum(kind == "end" for kind, *_ in events) >= len(remote.cells) / 20


def make_table():
    random = np.random.default_rng(0)
    stamps = pd.date_range("2024-01-01", periods=90, freq="D")
    parts = [
        pd.DataFrame({"region": region, "unique_id": name, "ds": stamps})
        for region in ("north", "south")
        for name in ("a", "b")
    ]
    long = pd.concat(parts, ignore_index=True)
    return long.assign(y=random.normal(size=len(long)).cumsum())


@pytest.mark.slow
@pytest.mark.usefixtures("connection")
def test_ray_forecasts_are_bit_identical(monkeypatch):
    engine = make_engine("ray")
    expected = forecast_groups(Forecaster(3), make_table(), "region")
    pd.testing.assert_frame_equal(
        forecast_groups(Forecaster(3), make_table(), "region", engine=engine),
        expected,
        rtol=0,
        atol=0,
    )
    monkeypatch.setattr("revin_forecast.forecasting.parallel.SERIES_PER_TASK", 1)
    north = make_table()[lambda rows: rows.region == "north"].drop(columns="region")
    fitted = Forecaster(3, 14, Ridge).fit(north).fitted
    past = fitted.standardizer.to_tensor(fitted.history.values).unsqueeze(0)
    forecast, quantiles = predict_parallel(fitted, past, engine, [0.1, 0.9])
    inline = predict_parallel(fitted, past, InlineEngine(), [0.1, 0.9])
    assert torch.equal(forecast, inline[0])
    assert torch.equal(quantiles, inline[1])
    with pytest.raises(ValueError, match="invalid literal for int"):
        engine.map(int, ["1", "x"])
    assert ray.is_initialized()  # the cluster existed before


@pytest.mark.slow
@pytest.mark.usefixtures("connection")
def test_lost_and_spoiled_workers_run_no_other_task():
    processes = {}
    tasks = deque(["exit", "spoil", "work"])
    outcomes = list(make_engine("ray").run(end_badly, tasks, processes.__setitem__))
    errors = {outcome.task: type(outcome.error) for outcome in outcomes}
    assert errors == {"exit": WorkerLostError, "spoil": SpoiledWorkerError, "work": type(None)}
    assert len(set(processes.values())) == 3  # each task has reported its process


def test_a_cluster_started_by_the_engine_is_shut_down(monkeypatch):
    calls = []
    engine = make_engine("ray", address="auto")
    monkeypatch.setattr(ray, "init", lambda **options: calls.append(options["address"]))
    monkeypatch.setattr(ray, "shutdown", lambda: calls.append("end"))

    def run_connected(function, queue, on_report):
        calls.append(list(queue))
        yield Outcome(queue.popleft(), 1)

    monkeypatch.setattr(engine, "_run_connected", run_connected)
    assert engine.map(int, ["1"]) == [1]
    assert calls == ["auto", [(0, "1")], "end"]


def test_an_unreachable_cluster_is_reported(monkeypatch):
    def refuse_connection(**options):
        raise ConnectionError("no server at 10.0.0.1")

    monkeypatch.setattr(ray, "init", refuse_connection)
    with pytest.raises(
        InputError, match=r"no Ray cluster answers: no server at 10\.0\.0\.1\. Start"
    ):
        make_engine("ray").map(int, ["1"])
