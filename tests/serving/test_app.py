"""The routes of the service: the forecasts of `predict`, as JSON, CSV and charts."""

import json

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from revin_forecast import Forecaster
from revin_forecast.cli.main import main
from revin_forecast.serving.api import SAVED_MODEL_API
from revin_forecast.serving.app import create_app, render_docs_page
from revin_forecast.serving.pool import RequestLimits, WorkerPool
from tests.support.service import CSV, HORIZON, JSON, LOOKBACK, ROWS, make_client


def to_records(frame):
    return json.loads(frame.assign(day=frame["day"].astype(str)).to_json(orient="records"))


def test_csv_gives_the_forecast_of_predict(client, model, newer, tmp_path, capsys):
    file = tmp_path / "newer.csv"
    newer.to_csv(file, index=False)
    words = ["predict", str(model), str(file), "--level", "80", "95"]
    assert main(words) == 0
    expected = capsys.readouterr().out
    answer = client.post(
        "/forecast?level=80&level=95",
        content=file.read_bytes(),
        headers={**CSV, "Accept": "text/csv"},
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text == expected


def test_json_rows_and_columns_give_the_same_forecast(client, newer):
    by_records = {"data": to_records(newer), "level": [80]}
    by_columns = {"data": {name: [row[name] for row in by_records["data"]] for name in newer}}
    first = client.post("/forecast", json=by_records).json()
    second = client.post("/forecast", json={**by_columns, "level": [80]}).json()
    assert first == second
    columns = [f"{name}{end}" for name in ("a", "b<i>") for end in ("", "-lo-80", "-hi-80")]
    assert first["columns"] == ["day", *columns]
    assert first["forecast"][0]["day"] == "2024-05-09"
    as_csv = client.post("/forecast?level=80", content=newer.to_csv(index=False), headers=CSV)
    for csv_row, json_row in zip(as_csv.json()["forecast"], first["forecast"], strict=True):
        assert csv_row["a-hi-80"] == pytest.approx(json_row["a-hi-80"], rel=1e-6)
    both = client.post("/forecast?level=50", json=by_records).json()
    assert both["columns"][:6] == ["day", "a", "a-lo-50", "a-hi-50", "a-lo-80", "a-hi-80"]


@pytest.mark.parametrize(
    ("content", "headers"), [(b"", {}), (b"", JSON), (b"  \n", JSON), (b"{}", JSON)]
)
def test_an_empty_request_forecasts_after_the_rows_fitted_on(client, model, content, headers):
    answer = client.post("/forecast", content=content, headers=headers).json()
    expected = Forecaster.load(model).predict()
    assert [row["a"] for row in answer["forecast"]] == pytest.approx(expected["a"].tolist())
    assert answer["forecast"][0]["day"] == "2024-04-30"


def test_the_model_is_described(client):
    description = client.get("/model").json()
    assert description["series"] == ["a", "b<i>"]
    assert description["columns"] == {"time": "day"}
    assert (description["lookback"], description["horizon"], description["step"]) == (
        LOOKBACK,
        HORIZON,
        "D",
    )
    assert description["step_words"] == "daily"
    assert (description["levels"], description["any_level"]) == ([50, 80, 90, 95, 99], True)
    assert description["saved"].startswith("20")
    assert (description["future"], description["fitted_on"]["rows"]) == ([], ROWS)
    assert description["limits"] == {"mebibytes": 10.0, "seconds": 30.0}
    assert client.get("/health").json()["status"] == "ok"


def test_bad_queries_are_explained(client):
    for query, message in (
        ("level=x", "level.0: Input should be a valid number"),
        ("&".join(["level=80"] * 11), "level: List should have at most 10 items"),
        ("decimal=;", "decimal: Input should be"),
        ("level=101", "a level is in percent, from 1 to below 100, but got 101"),
    ):
        answer = client.post(f"/forecast?{query}", content=b"", headers=JSON)
        assert answer.status_code == 422
        assert message in answer.json()["detail"]
    assert client.get("/forecast").json() == {"detail": "Method Not Allowed"}
    assert client.get("/nothing").json() == {"detail": "Not Found"}


def test_a_bug_is_reported_as_json(worker, monkeypatch):
    async def raise_error(*_):
        raise RuntimeError("secret")

    monkeypatch.setattr(WorkerPool, "handle", raise_error)
    with make_client(worker) as opened_client:
        answer = opened_client.post("/forecast", content=b"", headers=JSON)
    assert answer.status_code == 500
    assert answer.json() == {"detail": "this is a bug; see the server's log for details."}


def test_charts_are_those_of_the_forecast(client, newer):
    answer = client.post("/chart?level=80", content=newer.to_csv(index=False), headers=CSV)
    body = answer.json()
    assert body["names"] == list(body["figures"]) == ["a", "b<i>"]
    ahead = next(t for t in body["figures"]["a"]["data"] if t.get("name") == "forecast")
    assert ahead["x"] == [row["day"] for row in body["forecast"]]
    assert body["csv"].startswith("day,a,a-lo-80,a-hi-80,b<i>")


def test_the_docs_page_covers_the_whole_api(client):
    document = client.get("/openapi.json").json()
    page = render_docs_page(document, SAVED_MODEL_API.examples)
    assert page == client.get("/docs").text
    for path, methods in document["paths"].items():
        assert path in page
        for operation in methods.values():
            assert operation["summary"] in page
    assert set(document["paths"]["/forecast"]["post"]["responses"]) >= {"200", "413", "422", "504"}
    assert "http://" not in page
    assert "https://" not in page


@pytest.fixture
def api(worker):
    pool = WorkerPool(worker, RequestLimits(mebibytes=1.0))
    app = create_app(
        pool, worker.wait_until_ready(), local_only=False
    )  # schemathesis calls the host testserver
    return schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("path", ["/forecast", "/chart"])
def test_generated_requests_find_no_bug(api, path, mode):
    status_codes = set()

    @hypothesis.given(case=api[path]["POST"].as_strategy(generation_mode=mode))
    @hypothesis.settings(max_examples=30, derandomize=True, database=None)
    def check(case):
        # A request that the schema allows need not be a table of this model: not checked.
        answer = case.call()
        status_codes.add(answer.status_code)
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])

    check()
    # Some invalid requests are valid by chance: a text can be a header without rows, or a table.
    assert status_codes == {200, 422} or (mode is GenerationMode.NEGATIVE and status_codes == {422})
