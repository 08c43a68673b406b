"""Requests that are read within their limits, and the statuses of those that are not."""

import asyncio

import pytest

from revin_forecast.serving.app import create_app
from revin_forecast.serving.errors import (
    BusyError,
)
from revin_forecast.serving.pool import RequestLimits, WorkerPool
from tests.support.service import CSV, JSON, make_client


@pytest.mark.parametrize("content", [b"", b" \n\n"])
def test_an_empty_file_is_refused(client, content):
    """A failed export must not pass for a request without a table."""
    for kind in ("text/csv", "application/x-www-form-urlencoded"):
        answer = client.post("/forecast", content=content, headers={"Content-Type": kind})
        assert answer.status_code == 422
        assert "the request body is empty. Send rows below a header" in answer.json()["detail"]


def test_default_content_types_of_clients(client, newer):
    for kind in ("application/x-www-form-urlencoded", "text/plain", "application/octet-stream"):
        sent = client.post(
            "/forecast", content=newer.to_csv(index=False), headers={"Content-Type": kind}
        )
        assert sent.status_code == 200
    refused = client.post("/forecast", files={"file": b"day,a\n"})
    assert refused.status_code == 415
    assert (
        "multipart/form-data is neither text/csv nor application/json" in refused.json()["detail"]
    )


def test_the_size_of_a_body_is_limited_while_it_arrives(worker):
    def endless():
        for _ in range(10_000):
            yield b"x" * 1024

    with make_client(worker, mebibytes=0.01) as small:
        answer = small.post("/forecast", content=endless(), headers=CSV)
    assert answer.status_code == 413
    assert answer.json() == {"detail": "the request body is limited to 0.01 MiB."}


def test_a_body_that_arrives_too_slowly_is_refused(worker):
    app = create_app(WorkerPool(worker, RequestLimits(seconds=0.2)), worker.wait_until_ready())
    messages = []

    async def receive_slowly():
        await asyncio.sleep(5)
        return {"type": "http.request", "body": b"", "more_body": True}

    async def send(message):
        messages.append(message)

    scope = {
        **{"type": "http", "method": "POST", "path": "/forecast", "query_string": b""},
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"text/csv")],
    }
    asyncio.run(app(scope, receive_slowly, send))
    assert messages[0]["status"] == 408


def test_busy_is_a_503(worker, monkeypatch):
    async def raise_busy(*_):
        raise BusyError

    monkeypatch.setattr(WorkerPool, "handle", raise_busy)
    with make_client(worker) as opened_client:
        answer = opened_client.post("/forecast", content=b"", headers=JSON)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_unknown_query_parameters_are_refused(client, newer):
    """A misspelled `level` must not give a forecast without intervals."""
    answer = client.post("/forecast?levels=80&horizon=3", content=b"{}", headers=JSON)
    assert answer.status_code == 422
    assert "unknown query parameter: horizon and levels. The parameters are level" in answer.text
