"""Tokens, host names, other sites and security headers."""

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
