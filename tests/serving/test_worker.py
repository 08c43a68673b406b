"""Worker processes that are too slow, end or can't load, and their replacements."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from revin_forecast import Forecaster, Ridge
from revin_forecast.errors import InputError
from revin_forecast.serving.app import create_app
from revin_forecast.serving.errors import (
    ModelChangedError,
    RequestTimeoutError,
    ShuttingDownError,
    WorkerLostError,
)
from revin_forecast.serving.messages import WorkerRequest
from revin_forecast.serving.pool import RequestLimits, WorkerPool
from revin_forecast.serving.worker import Worker
from tests.support.limits import HANG_SECONDS
from tests.support.service import CSV, HORIZON, JSON, LOOKBACK, make_client, make_table


def kill_process(worker):
    os.kill(worker._process.process.pid, signal.SIGKILL)


def test_a_slow_request_is_stopped_and_the_next_one_is_served(own_worker):
    before = own_worker._process.process.pid
    os.kill(before, signal.SIGSTOP)  # otherwise it could finish first
    with pytest.raises(RequestTimeoutError):
        own_worker.handle(WorkerRequest(b"", False), False, 0.0)
    assert own_worker._process.process.pid != before
    assert own_worker.handle(WorkerRequest(b"", False), False, HANG_SECONDS).csv.startswith("day,a")
    scratch = Path(own_worker._process.scratch.name)
    own_worker.handle(WorkerRequest(b"day,a\n2024-01-01,1\n", False), False, HANG_SECONDS)
    assert list(scratch.iterdir()) == []  # nothing of the request remains
    os.kill(own_worker._process.process.pid, signal.SIGSTOP)
    with make_client(own_worker, seconds=0.01) as hasty_client:
        answer = hasty_client.post("/forecast", content=b"", headers=JSON)
    assert answer.status_code == 504
    assert "was stopped; send less" in answer.json()["detail"]
    assert not scratch.exists()


def test_a_process_that_ends_while_idle_fails_no_request(own_worker, capfd):
    for _ in range(2):
        kill_process(own_worker)  # it may still be exiting when the request arrives
        assert own_worker.handle(WorkerRequest(b"", False), False, HANG_SECONDS).csv.startswith(
            "day,a"
        )
    log = "a worker process ended (exit code -9, Killed); starting another one\n"
    assert capfd.readouterr().err == 2 * log
    kill_process(own_worker)
    own_worker._process.process.join()
    own_worker._replace_process()
    kill_process(own_worker)  # while it loads
    assert own_worker.handle(WorkerRequest(b"", False), False, HANG_SECONDS).csv.startswith("day,a")


class KillingPipe:
    """A pipe that kills its process once it has started a request."""

    def __init__(self, model_process):
        self.pipe, self.process = model_process.pipe, model_process.process

    def send(self, message):
        self.pipe.send(message)

    def recv(self):
        message = self.pipe.recv()
        self.process.kill()
        return message


def test_a_request_that_ends_its_process_is_reported_and_not_repeated(own_worker, capfd):
    own_worker._process.pipe = KillingPipe(own_worker._process)
    content = make_table(50_000).to_csv(index=False)  # large enough not to finish first
    with make_client(own_worker) as opened_client:
        answer = opened_client.post("/forecast", content=content, headers=CSV)
        assert answer.status_code == 500
        assert "ended (out of memory?); send less" in answer.json()["detail"]
        assert "exit code -9, Killed" in capfd.readouterr().err
        assert opened_client.post("/forecast", content=content, headers=CSV).status_code == 200


def test_a_process_that_reads_nothing_is_stopped_in_time(own_worker):
    large = WorkerRequest(b"x" * 7_000_000, False)  # more than the pipe's buffer
    stopped = own_worker._process.process
    os.kill(stopped.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads:
        response = threads.submit(own_worker.handle, large, False, 0.5)
        try:
            with pytest.raises(RequestTimeoutError):
                response.result(HANG_SECONDS)
        finally:  # a thread that waits for the process would never end
            stopped.kill()
    assert own_worker.handle(WorkerRequest(b"", False), False, HANG_SECONDS).csv.startswith("day,a")


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.5])
def test_no_process_starts_after_shutting_down(own_worker, seconds):
    kill_process(own_worker)
    with ThreadPoolExecutor(1) as threads:
        response = threads.submit(own_worker.handle, WorkerRequest(b"", False), False, HANG_SECONDS)
        time.sleep(seconds)
        own_worker.shut_down()
        last = own_worker._process.process
        with suppress(ShuttingDownError):  # it may have finished in time
            response.result(HANG_SECONDS)
    with pytest.raises(ShuttingDownError):
        own_worker.handle(WorkerRequest(b"", False), False, HANG_SECONDS)
    assert own_worker._process.process is last
    assert not last.is_alive()


def test_a_model_that_changed_is_refused(own_worker, tmp_path):
    own_worker._model = tmp_path  # as if the model had been removed
    own_worker._replace_process()
    for _ in range(2):
        with pytest.raises(ModelChangedError, match="holds no forecaster"):
            own_worker.handle(WorkerRequest(b"", False), False, HANG_SECONDS)
    Forecaster(HORIZON, LOOKBACK + 1, Ridge).fit(make_table()).save(tmp_path)
    own_worker._replace_process()
    app = create_app(WorkerPool([own_worker], RequestLimits()), {})
    with TestClient(app, base_url="http://127.0.0.1") as opened_client:
        answer = opened_client.post("/forecast", content=b"", headers=JSON)
    assert answer.status_code == 503
    assert "not the one that the service started with" in answer.json()["detail"]


def test_a_process_that_cannot_load_is_reported(own_worker, monkeypatch):
    kill_process(own_worker)
    own_worker._process._model_info = None
    with pytest.raises(InputError, match=r"exit code -9, Killed\) before it had loaded the model"):
        own_worker.describe()
    monkeypatch.setattr("revin_forecast.serving.worker.LOAD_SECONDS", 0.0)
    own_worker._replace_process()
    with pytest.raises(WorkerLostError, match="took over 0 seconds to load"):
        own_worker.handle(WorkerRequest(b"", False), False, HANG_SECONDS)


def test_a_process_whose_server_has_exited_ends_and_cleans_up(model):
    own_worker = Worker(model, 1)
    own_worker.describe()
    own_worker._process.pipe.close()
    own_worker._process.process.join(30)
    assert own_worker._process.process.exitcode == 0
    assert not Path(own_worker._process.scratch.name).exists()
    own_worker.shut_down()
