"""`GET /metrics` and `GET /health`: the numbers of requests and workers, also after real kills."""

import asyncio
import os
import signal
import time
from multiprocessing.connection import wait

import pytest
from httpx2 import ASGITransport, AsyncClient
from prometheus_client.parser import text_string_to_metric_families

from revin_forecast.serving.app import create_app
from revin_forecast.serving.pool import RequestLimits, WorkerPool, start_workers
from tests.support.limits import HANG_SECONDS
from tests.support.service import CSV, JSON, ROWS, make_client


def read_metrics(client):
    """Return the values by name and labels."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_rows_and_workers_are_counted(worker, newer):
    with make_client(worker) as client:
        content = newer.to_csv(index=False)
        assert client.post("/forecast", content=content, headers=CSV).status_code == 200
        assert client.post("/chart", content=b"{}", headers=JSON).status_code == 200
        assert client.post("/forecast?levels=1", content=content, headers=CSV).status_code == 422
        for path in ("/secret-1", "/secret-2"):
            assert client.get(path).status_code == 404
        assert client.get("/health", headers={"Host": "evil.example"}).status_code == 400
        metrics = read_metrics(client)
    assert metrics["revin_forecast_requests_total", "/forecast", "200"] == 1
    assert metrics["revin_forecast_requests_total", "/forecast", "422"] == 1
    assert metrics["revin_forecast_requests_total", "/chart", "200"] == 1
    assert metrics["revin_forecast_requests_total", "other", "404"] == 2
    assert metrics["revin_forecast_requests_total", "other", "400"] == 1
    assert metrics["revin_forecast_request_seconds_count", "/forecast"] == 2
    assert metrics["revin_forecast_rows_total",] == ROWS + 9
    assert metrics["revin_forecast_workers",] == metrics["revin_forecast_workers_ready",] == 1
    assert metrics["revin_forecast_requests_waiting",] == 0
    labels = next(key for key in metrics if key[0] == "revin_forecast_model_info")
    assert "2024-04-29 00:00:00" in labels
    # No address, column or value of a request becomes a label.
    assert not any("secret" in str(key) or "b<i>" in str(key) for key in metrics)


def test_the_metrics_of_a_guarded_service_need_the_token(worker):
    with make_client(worker, token="s3cret") as guarded:
        assert guarded.get("/metrics").status_code == 401
        answer = guarded.get("/metrics", headers={"Authorization": "Bearer s3cret"})
        assert answer.status_code == 200


@pytest.fixture
def two_workers(model):
    workers = start_workers(model, 2, 1)
    with workers._changed:
        assert workers._changed.wait_for(lambda: workers.ready_count == 2, HANG_SECONDS)
    yield workers
    workers.stop()


def test_killed_workers_degrade_the_service_and_stall_no_request(two_workers, newer, capfd):
    content = newer.to_csv(index=False)
    pool = WorkerPool(two_workers, RequestLimits())
    app = create_app(pool, two_workers.wait_until_ready())
    first, second = (slot.process.process for slot in two_workers.slots)

    async def kill_and_ask():
        async with AsyncClient(transport=ASGITransport(app), base_url="http://127.0.0.1") as client:
            statuses = [(await client.get("/health")).json()["status"]]
            with two_workers._changed:  # until then, its replacement is not ready
                os.kill(first.pid, signal.SIGKILL)
                wait([first.sentinel], HANG_SECONDS)
                statuses.append((await client.get("/health")).json()["status"])
            start = time.monotonic()
            send = [client.post("/forecast", content=content, headers=CSV) for _ in range(12)]
            answers = asyncio.gather(*send)
            await asyncio.sleep(0.05)
            os.kill(second.pid, signal.SIGKILL)  # busy with one of the requests
            codes = [answer.status_code for answer in await answers]
            return statuses, codes, time.monotonic() - start

    statuses, codes, seconds = asyncio.run(kill_and_ask())
    assert statuses == ["ok", "degraded"]
    # A request that its worker had begun is not repeated, since it may be why the worker ended.
    assert sorted(codes)[:11] == [200] * 11
    assert max(codes) in (200, 500)
    assert seconds < HANG_SECONDS
    assert capfd.readouterr().err.count("exit code -9, Killed") == 2
    with two_workers._changed:
        assert two_workers._changed.wait_for(lambda: two_workers.ready_count == 2, HANG_SECONDS)
    assert pool.count_workers().lost == 2


def test_a_service_without_a_ready_worker_is_down(own_worker):
    with make_client(own_worker) as client, own_worker._changed:
        process = own_worker.slots[0].process.process
        os.kill(process.pid, signal.SIGKILL)
        wait([process.sentinel], HANG_SECONDS)
        answer = client.get("/health")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["status"] == "down"
    assert answer.json()["workers"]["ready"] == 0
