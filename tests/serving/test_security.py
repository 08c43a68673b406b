"""Tokens, host names, other sites and security headers."""

import asyncio

import pytest

from revin_forecast.serving.app import create_app
from revin_forecast.serving.pool import RequestLimits, WorkerPool
from revin_forecast.serving.security import is_local
from tests.support.service import CSV, JSON, make_client


def test_a_token_guards_everything_about_the_model(worker):
    with make_client(worker, token="s3cret") as guarded:
        for path in ("/", "/health", "/docs", "/page.js", "/plotly.js", "/openapi.json"):
            assert guarded.get(path).status_code == 200
        document = guarded.get("/openapi.json").json()
        assert document["paths"]["/forecast"]["post"]["security"] == [{"HTTPBearer": []}]
        for method, path in (("GET", "/model"), ("POST", "/forecast"), ("POST", "/chart")):
            for wrong in ({}, {"Authorization": "Bearer other"}, {"Authorization": "Basic s3cret"}):
                answer = guarded.request(method, path, headers={**CSV, **wrong})
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
                assert "Authorization: Bearer TOKEN" in answer.json()["detail"]
        right = {"Authorization": "bearer s3cret", **JSON}
        assert guarded.post("/forecast", headers=right).status_code == 200


def test_names_of_other_machines_are_refused(worker):
    with make_client(worker) as here, make_client(worker, local=False, token="t") as anywhere:
        for host in ("localhost:8000", "LOCALHOST", "127.0.0.9:80", "[::1]:1"):
            assert here.get("/health", headers={"Host": host}).status_code == 200
        for host in ("evil.example", "", "localhost.evil.example", "192.168.0.1", "[::2]"):
            assert here.get("/health", headers={"Host": host}).status_code == 400
        assert anywhere.get("/health", headers={"Host": "evil.example"}).status_code == 200
    assert [is_local(host) for host in ("::1", "127.0.0.9", "192.168.0.1", "example.org")] == [
        *(True, True),
        *(False, False),
    ]


def test_pages_of_other_sites_are_refused(client):
    for site, code in (("cross-site", 403), ("same-site", 403), ("same-origin", 200)):
        answer = client.post("/forecast", headers={"Sec-Fetch-Site": site, **JSON})
        assert answer.status_code == code
    assert client.get("/docs", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_every_answer_has_the_security_headers(client):
    for path in ("/", "/docs", "/health", "/nothing", "/plotly.js"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
    assert "max-age" in client.get("/plotly.js").headers["cache-control"]


def test_every_route_of_the_api_needs_the_token_but_health(worker):
    with make_client(worker, token="s3cret") as guarded:
        paths = guarded.get("/openapi.json").json()["paths"]
        for path, operations in paths.items():
            for method, operation in operations.items():
                assert ("security" in operation) == (path != "/health")
                assert guarded.request(method, path).status_code == (
                    200 if path == "/health" else 401
                )


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ((b"authorization", b"Bearer other"), 401),
        ((b"sec-fetch-site", b"cross-site"), 403),
        ((b"host", b"evil.example"), 400),
    ],
)
def test_refusals_do_not_read_the_body(worker, header, code):
    pool = WorkerPool(worker, RequestLimits())
    app = create_app(pool, worker.wait_until_ready(), token="s3cret")
    messages = []

    async def receive():
        raise AssertionError("the body is read")

    async def send(message):
        messages.append(message)

    headers = dict([(b"host", b"127.0.0.1"), (b"content-type", b"text/csv"), header])
    scope = {"type": "http", "method": "POST", "path": "/forecast", "query_string": b""}
    asyncio.run(app({**scope, "headers": list(headers.items())}, receive, send))
    assert messages[0]["status"] == code
