"""Requests in workers: waiting, limits, bursts and shutting down."""

import asyncio
import os
import signal
from contextlib import ExitStack

import pytest
from httpx2 import ASGITransport, AsyncClient
from starlette.testclient import TestClient

from revin_forecast.serving.app import create_app
from revin_forecast.serving.errors import BusyError
from revin_forecast.serving.messages import WorkerRequest
from revin_forecast.serving.pool import RequestLimits, WorkerPool, start_workers
from tests.support.limits import HANG_SECONDS
from tests.support.service import CSV, JSON


def test_a_request_is_refused_when_all_workers_are_busy(own_worker, monkeypatch):
    monkeypatch.setattr("revin_forecast.serving.pool.WAIT_SECONDS", 0.1)
    pool = WorkerPool(own_worker, RequestLimits())
    stopped = own_worker.slots[0].process.process
    os.kill(stopped.pid, signal.SIGSTOP)

    async def send_two_requests():
        first = asyncio.ensure_future(pool.handle(WorkerRequest(b"", False)))
        await asyncio.sleep(0.1)
        with pytest.raises(BusyError):
            await pool.handle(WorkerRequest(b"", False))
        os.kill(stopped.pid, signal.SIGCONT)
        return await first

    assert asyncio.run(send_two_requests()).csv.startswith("day,a")


def test_a_request_whose_client_has_left_is_not_begun(own_worker):
    pool = WorkerPool(own_worker, RequestLimits())
    os.kill(own_worker.slots[0].process.process.pid, signal.SIGSTOP)

    async def send_two_requests():
        busy = own_worker.submit(None)
        left = asyncio.ensure_future(pool.handle(WorkerRequest(b"", False)))
        await asyncio.sleep(0.1)
        left.cancel()
        await asyncio.wait([left])
        return busy

    busy = asyncio.run(send_two_requests())
    assert not own_worker._queue or all(task.cancelled() for task in own_worker._queue)
    os.kill(own_worker.slots[0].process.process.pid, signal.SIGCONT)
    assert isinstance(busy.exception(HANG_SECONDS), TypeError)


def test_requests_beyond_the_queue_are_not_read(worker):
    pool = WorkerPool(worker, RequestLimits(mebibytes=0.001))
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
    app = create_app(WorkerPool(worker, RequestLimits()), {})
    content = newer.to_csv(index=False)

    async def send_burst():
        transport = ASGITransport(app)
        async with AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            requests = (client.post("/forecast", content=content, headers=CSV) for _ in range(30))
            return [answer.status_code for answer in await asyncio.gather(*requests)]

    assert asyncio.run(send_burst()) == [200] * 30


def test_shutting_down_waits_for_no_request(model, monkeypatch):
    monkeypatch.setattr("revin_forecast.serving.pool.GRACE_SECONDS", 0.2)
    own_worker = start_workers(model, 1, 1)
    pool, exit_requests = WorkerPool(own_worker, RequestLimits()), []
    own_worker.wait_until_ready()
    app = create_app(pool, {}, should_exit=lambda: bool(exit_requests))
    with TestClient(app, base_url="http://127.0.0.1") as opened_client:
        assert opened_client.post("/forecast", content=b"", headers=JSON).status_code == 200
        before = own_worker.slots[0].process
        os.kill(before.process.pid, signal.SIGSTOP)  # a request without end
        exit_requests.append(True)
        for _ in range(2):
            answer = opened_client.post("/forecast", content=b"", headers=JSON)
            assert answer.status_code == 503
            assert answer.json() == {"detail": "the service is shutting down."}
    assert not before.process.is_alive()
    assert own_worker.slots[0].process is before  # not replaced
