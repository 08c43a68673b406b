"""Worker processes that are too slow, end or can't load, and their replacements."""

import asyncio
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from revin_forecast import Forecaster, Ridge
from revin_forecast.errors import InputError
from revin_forecast.serving.app import create_app
from revin_forecast.serving.errors import (
    ModelChangedError,
    RequestLostError,
    RequestTimeoutError,
    WorkerBugError,
)
from revin_forecast.serving.messages import WorkerRequest
from revin_forecast.serving.pool import RequestLimits, WorkerPool, describe_model, start_workers
from tests.support.limits import HANG_SECONDS
from tests.support.service import CSV, HORIZON, JSON, LOOKBACK, make_client, make_table

EMPTY = WorkerRequest(b"", False)


def get_process(workers):
    return workers.slots[0].process.process


def handle(workers, request=EMPTY, seconds=HANG_SECONDS):
    """Process a request as the service does."""
    return asyncio.run(WorkerPool(workers, RequestLimits(seconds=seconds)).handle(request))


def replace_process(workers):
    """Kill the process and wait until another one is ready or can't be started."""
    slot = workers.slots[0]
    before = slot.process
    before.kill()
    with workers._changed:
        assert workers._changed.wait_for(
            lambda: slot.process is not before and (slot.is_ready or slot.failure), HANG_SECONDS
        )


def list_scratch_folders(folder):
    return [path for path in folder.iterdir() if path.is_dir()]


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Folder in which the service makes the scratch folders of requests."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_slow_request_is_stopped_and_the_next_one_is_served(own_worker, scratch):
    before = get_process(own_worker).pid
    os.kill(before, signal.SIGSTOP)  # otherwise it could finish first
    with pytest.raises(RequestTimeoutError):
        handle(own_worker, seconds=0.0)
    assert handle(own_worker).csv.startswith("day,a")
    assert get_process(own_worker).pid != before
    handle(own_worker, WorkerRequest(b"day,a\n2024-01-01,1\n", False))
    os.kill(get_process(own_worker).pid, signal.SIGSTOP)
    with make_client(own_worker, seconds=0.01) as hasty_client:
        answer = hasty_client.post("/forecast", content=b"", headers=JSON)
    assert answer.status_code == 504
    assert "was stopped; send less" in answer.json()["detail"]
    assert list_scratch_folders(scratch) == []  # nothing of the requests remains


def test_a_process_that_ends_while_idle_fails_no_request(own_worker, capfd):
    for _ in range(2):
        get_process(own_worker).kill()  # it may still be exiting when the request arrives
        assert handle(own_worker).csv.startswith("day,a")
    log = "a worker process ended (exit code -9, Killed); starting another one\n"
    assert capfd.readouterr().err == 2 * log
    slot = own_worker.slots[0]
    before = slot.process
    before.kill()
    while slot.process is before:
        pass
    slot.process.kill()  # while it loads
    assert handle(own_worker).csv.startswith("day,a")


def test_a_request_that_ends_its_process_is_reported_and_not_repeated(own_worker, capfd):
    process = own_worker.slots[0].process
    receive = process.receive

    def receive_and_kill():
        message = receive()
        process.kill()  # it has begun the request
        return message

    process.receive = receive_and_kill
    content = make_table(50_000).to_csv(index=False)  # large enough not to finish first
    with make_client(own_worker) as opened_client:
        answer = opened_client.post("/forecast", content=content, headers=CSV)
        assert answer.status_code == 500
        assert "ended (out of memory?); send less" in answer.json()["detail"]
        assert opened_client.post("/forecast", content=content, headers=CSV).status_code == 200
    assert "exit code -9, Killed" in capfd.readouterr().err


def test_a_process_that_reads_nothing_is_stopped_in_time(own_worker):
    large = WorkerRequest(b"x" * 7_000_000, False)  # more than the pipe's buffer
    stopped = get_process(own_worker)
    os.kill(stopped.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads:
        response = threads.submit(handle, own_worker, large, 0.5)
        try:
            with pytest.raises(RequestTimeoutError):
                response.result(HANG_SECONDS)
        finally:  # a thread that waits for the process would never end
            stopped.kill()
    assert handle(own_worker).csv.startswith("day,a")


def test_a_bug_is_logged_and_hidden_from_the_client(own_worker, capfd):
    class BuggyPool(WorkerPool):
        def _submit(self, request):
            return self.workers.submit(None)

    with pytest.raises(WorkerBugError, match=r"^TypeError$"):
        asyncio.run(BuggyPool(own_worker, RequestLimits()).handle(EMPTY))
    log = capfd.readouterr().err
    assert "Traceback of the worker" in log
    assert "_answer_request" in log
    assert handle(own_worker).csv.startswith("day,a")


def test_a_model_that_changed_is_refused(own_worker, model, tmp_path, capfd):
    moved = model.rename(tmp_path / "moved")
    try:
        replace_process(own_worker)
        for _ in range(2):
            with pytest.raises(ModelChangedError, match="holds no forecaster"):
                handle(own_worker)
        assert "a worker process can't be started: " in capfd.readouterr().err
        Forecaster(HORIZON, LOOKBACK + 1, Ridge).fit(make_table()).save(model)
        other = start_workers(model, 1, 1)
        other.wait_until_ready()
        other._description = own_worker._description
        replace_process(other)
        app = create_app(WorkerPool(other, RequestLimits()), {})
        with TestClient(app, base_url="http://127.0.0.1") as opened_client:
            answer = opened_client.post("/forecast", content=b"", headers=JSON)
        other.stop()
    finally:
        if model.exists():
            model.rename(tmp_path / "other")
        moved.rename(model)
    assert answer.status_code == 503
    assert "not the one that the service started with" in answer.json()["detail"]


def test_a_restored_model_is_served_again(own_worker, model, tmp_path, monkeypatch):
    monkeypatch.setattr("revin_forecast.utils.parallel.pool.MAX_PAUSE_SECONDS", 0.01)
    moved = model.rename(tmp_path / "moved")
    try:
        replace_process(own_worker)
        with pytest.raises(ModelChangedError):
            handle(own_worker)
    finally:
        moved.rename(model)
    with own_worker._changed:
        assert own_worker._changed.wait_for(lambda: own_worker.has_ready_process, HANG_SECONDS)
    assert handle(own_worker).csv.startswith("day,a")


def hang(model, threads):
    time.sleep(HANG_SECONDS)


def test_a_process_that_cannot_load_is_reported(model, monkeypatch):
    monkeypatch.setattr("revin_forecast.utils.parallel.pool.LOAD_SECONDS", 0.0)
    monkeypatch.setattr("revin_forecast.serving.pool.load_model", hang)
    workers = start_workers(model, 1, 1)
    with pytest.raises(InputError, match="0 seconds to load before it had loaded the model"):
        describe_model(workers)
    with pytest.raises(RequestLostError, match="took over 0 seconds to load"):
        handle(workers)
    workers.stop()


def test_a_process_whose_server_has_exited_ends(model):
    own_worker = start_workers(model, 1, 1)
    own_worker.wait_until_ready()
    process = own_worker.slots[0].process
    process.connection.close()
    process.process.join(30)
    assert process.process.exitcode == 0
    own_worker.stop()
