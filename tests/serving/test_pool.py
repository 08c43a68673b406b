"""The pool of workers: waiting, limits, bursts and shutting down."""

import asyncio
import os
import signal
import threading
from contextlib import ExitStack

import pytest
from httpx2 import ASGITransport, AsyncClient
from starlette.testclient import TestClient

from revin_forecast.serving.app import create_app
from revin_forecast.serving.errors import (
    BusyError,
    WorkerLostError,
)
from revin_forecast.serving.messages import WorkerRequest
from revin_forecast.serving.pool import RequestLimits, WorkerPool
from revin_forecast.serving.worker import Worker
from tests.support.limits import HANG_SECONDS
from tests.support.service import CSV, JSON


class SlowWorker(Worker):
    """A worker that is busy until it is released, and then fails."""

    def __init__(self):
        self.released = threading.Event()

    def handle(self, request, with_charts, seconds):
        assert self.released.wait(HANG_SECONDS)
        raise WorkerLostError("it ended")


def test_a_request_is_refused_when_all_workers_are_busy(monkeypatch):
    monkeypatch.setattr("revin_forecast.serving.pool.WAIT_SECONDS", 0.1)
    slow = SlowWorker()
    pool = WorkerPool([slow], RequestLimits())
    with pytest.raises(BusyError):
        asyncio.run(send_two_requests(pool, slow.released))
    with TestClient(create_app(pool, {}), base_url="http://127.0.0.1") as opened_client:
        response = opened_client.post("/forecast", content=b"", headers=JSON)
        assert response.status_code == 500
        assert "log" in response.json()["detail"]


async def send_two_requests(pool, released):
    pool._idle_workers = asyncio.Queue()
    pool._idle_workers.put_nowait(pool.workers[0])
    first = asyncio.ensure_future(pool.handle(WorkerRequest(b"", False)))
    await asyncio.sleep(0)
    try:
        await pool.handle(WorkerRequest(b"", False))
    finally:
        released.set()
        with pytest.raises(WorkerLostError):
            await first


def test_requests_beyond_the_queue_are_not_read(worker):
    pool = WorkerPool([worker], RequestLimits(mebibytes=0.001))
    size = pool.limits.max_bytes
    with TestClient(create_app(pool, {}), base_url="http://127.0.0.1") as opened_client:

        def send_request(content=b"{}"):
            response = opened_client.post("/forecast", content=content, headers=JSON)
            assert response.headers.get("retry-after") == (
                "5" if response.status_code == 503 else None
            )
            return response.status_code

        for count, request_size, status_codes in (
            (64, 0, (200, 200)),
            (65, 0, (503, 503)),
            (4, size, (200, 200)),
        ):
            with ExitStack() as admitted:
                for _ in range(count):
                    admitted.enter_context(pool.admit(request_size))
                # The second body is sent in chunks, without a declared size.
                assert (send_request(), send_request(iter([b"{}"]))) == status_codes
        with ExitStack() as admitted:
            for _ in range(5):
                admitted.enter_context(pool.admit(10**9 if _ else size - 2))
            status_codes = (send_request(), send_request(b" {}"), send_request(iter([b"{}"])))
            assert status_codes == (200, 503, 503)
        assert send_request() == 200


def test_a_burst_of_small_requests_is_served(worker, newer):
    app = create_app(WorkerPool([worker], RequestLimits()), {})
    content = newer.to_csv(index=False)

    async def send_burst():
        transport = ASGITransport(app)
        async with AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            requests = (client.post("/forecast", content=content, headers=CSV) for _ in range(30))
            return [answer.status_code for answer in await asyncio.gather(*requests)]

    assert asyncio.run(send_burst()) == [200] * 30


def test_shutting_down_waits_for_no_request(model, monkeypatch):
    monkeypatch.setattr("revin_forecast.serving.pool.GRACE_SECONDS", 0.2)
    own_worker = Worker(model, 1)
    pool, exit_requests = WorkerPool([own_worker], RequestLimits()), []
    own_worker.describe()
    app = create_app(pool, {}, should_exit=lambda: bool(exit_requests))
    with TestClient(app, base_url="http://127.0.0.1") as opened_client:
        assert opened_client.post("/forecast", content=b"", headers=JSON).status_code == 200
        before = own_worker._process.process
        os.kill(before.pid, signal.SIGSTOP)  # a request without end
        exit_requests.append(True)
        for _ in range(2):
            answer = opened_client.post("/forecast", content=b"", headers=JSON)
            assert answer.status_code == 503
            assert answer.json() == {"detail": "the service is shutting down."}
    assert not before.is_alive()
    assert own_worker._process.process is before  # not replaced
