"""Fixtures of the service: a saved model, a worker and a client."""

from types import SimpleNamespace

import pytest

from revin_forecast import Forecaster, Ridge
from revin_forecast.serving.pool import start_workers
from tests.support.service import HORIZON, LOOKBACK, ROWS, make_client, make_table
from tests.support.warm_programs import CONTEXT


@pytest.fixture(scope="session", autouse=True)
def start_workers_warm():
    """Start workers in a moment; tests/cli/test_serve.py starts cold ones by the command."""
    with pytest.MonkeyPatch.context() as patch:
        warm_multiprocessing = SimpleNamespace(get_context=lambda _: CONTEXT)
        patch.setattr("revin_forecast.utils.parallel.process.multiprocessing", warm_multiprocessing)
        yield


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Folder of a saved forecaster."""
    folder = tmp_path_factory.mktemp("model")
    Forecaster(HORIZON, LOOKBACK, Ridge).fit(make_table()).save(folder)
    return folder


@pytest.fixture(scope="session")
def worker(model):
    """One worker that the tests share."""
    shared_worker = start_workers(model, 1, 1)
    shared_worker.wait_until_ready()
    yield shared_worker
    shared_worker.stop()


@pytest.fixture
def own_worker(model):
    """One worker that a test may harm."""
    test_worker = start_workers(model, 1, 1)
    test_worker.wait_until_ready()
    yield test_worker
    test_worker.stop()


@pytest.fixture(scope="module")
def client(worker):
    """A client of a service with the default limits."""
    with make_client(worker) as opened_client:
        yield opened_client


@pytest.fixture(scope="session")
def newer():
    """The table with nine newer rows."""
    return make_table(ROWS + 9)
