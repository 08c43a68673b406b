"""The Ray engine on a cluster of two nodes, started on the loopback interface."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from revin_forecast.shift.benchmark import ExecutionSettings, make_jobs
from revin_forecast.shift.runner import make_job_engine
from revin_forecast.shift.runner.engine import InlineJobEngine
from revin_forecast.shift.runner.results import compile_results
from tests.support.shift_suites import make_small_suite

ray = pytest.importorskip("ray")
pytestmark = [
    pytest.mark.usefixtures("plain_shapes"),
    # Raised by Ray: sockets and processes that it closes only when collected.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    folders = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()
    os.environ.pop("PYTHONPATH")


def run_benchmark(suite, folder, engine):
    jobs = make_jobs(suite, ExecutionSettings(str(folder), timeout=60))
    events = []
    engine.run(jobs, events.append)
    results = compile_results(jobs)
    errors = {key: value.tobytes() for key, value in results.window_errors.items()}
    return results, errors, events


def test_cluster_gives_the_same_results_as_this_process(cluster, tmp_path):
    assert len(cluster.list_all_nodes()) == 2
    suite = make_small_suite(shifts=("level",))
    engine = make_job_engine("ray", 1, cluster.address)
    remote, remote_errors, events = run_benchmark(suite, tmp_path / "ray", engine)
    inline, inline_errors, _ = run_benchmark(suite, tmp_path / "here", InlineJobEngine())
    assert remote_errors == inline_errors
    assert remote.cells.equals(inline.cells)
    assert sum(kind == "end" for kind, *_ in events) >= len(remote.cells) / 20


def test_begin_is_sent_at_once_with_the_buffered_ends():
    from revin_forecast.shift.runner.ray import _EventSender

    sent = []
    event_queue = SimpleNamespace(add=SimpleNamespace(remote=sent.append))
    sender = _EventSender(event_queue)
    first, end = ("begin", "run", "a"), ("end", "run", "a")
    second, last = ("begin", "run", "b"), ("end", "run", "b")
    sender.send(first)
    assert sent == [[first]]
    sender.send(end)
    sender.send(second)
    assert sent == [[first], [end, second]]
    sender.send(last)
    sender.flush()
    sender.flush()
    assert sent == [[first], [end, second], [last]]
