"""The same results from a Ray cluster of two nodes, started here on the loopback."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from revin_forecast.shift.benchmark import ExecutionSettings, make_jobs
from revin_forecast.shift.runner import make_job_engine
from revin_forecast.shift.runner.engine import InlineJobEngine
from revin_forecast.shift.runner.results import compile_results
from tests.support.shift_suites import small_suite

ray = pytest.importorskip("ray")
pytestmark = [
    pytest.mark.usefixtures("plain_shapes"),
    # Ray's own: sockets and processes that it closes when it is collected.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    places = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    os.environ["PYTHONPATH"] = os.pathsep.join(places)
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()
    os.environ.pop("PYTHONPATH")


def measured(suite, folder, engine):
    jobs = make_jobs(suite, ExecutionSettings(str(folder), timeout=60))
    events = []
    engine.run(jobs, events.append)
    table = compile_results(jobs)
    errors = {key: value.tobytes() for key, value in table.window_errors.items()}
    return table, errors, events


def test_a_cluster_of_two_nodes_measures_the_same(cluster, tmp_path):
    assert len(cluster.list_all_nodes()) == 2
    suite = small_suite(shifts=("level",))
    engine = make_job_engine("ray", 1, cluster.address)
    ours, errors, events = measured(suite, tmp_path / "ray", engine)
    theirs, wanted, _ = measured(suite, tmp_path / "here", InlineJobEngine())
    assert errors == wanted
    assert ours.cells.equals(theirs.cells)
    assert sum(kind == "end" for kind, *_ in events) >= len(ours.cells) / 20


def test_a_beginning_is_told_at_once_with_the_ends_before_it():
    from revin_forecast.shift.runner.ray import _EventSender

    told = []
    board = SimpleNamespace(add=SimpleNamespace(remote=told.append))
    teller = _EventSender(board)
    first, end = ("begin", "run", "a"), ("end", "run", "a")
    second, last = ("begin", "run", "b"), ("end", "run", "b")
    teller.send(first)
    assert told == [[first]]
    teller.send(end)
    teller.send(second)
    assert told == [[first], [end, second]]
    teller.send(last)
    teller.flush()
    teller.flush()
    assert told == [[first], [end, second], [last]]
