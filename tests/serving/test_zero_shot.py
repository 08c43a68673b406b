"""The service of the pretrained model: any table is forecast, and nothing is fitted."""

import hashlib
import json
from functools import partial

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster, Pretrained
from revin_forecast.pretrained.load_weights import WEIGHTS_PATH
from revin_forecast.pretrained.network import MAX_SEASON
from revin_forecast.serving import schemas
from revin_forecast.serving.api import ZERO_SHOT_API
from revin_forecast.serving.messages import WorkerRequest
from revin_forecast.serving.pool import start_workers
from revin_forecast.serving.zero_shot import handle_zero_shot_request
from tests.support.service import CSV, JSON, make_client

SHORT = b"day,a\n" + b"".join(b"2024-01-%02d,1\n" % day for day in range(1, 8))
LONG_ENOUGH = SHORT + b"2024-01-08,2\n"


@pytest.fixture(scope="module")
def client():
    worker = start_workers(None, 1, 1)
    with make_client(worker) as opened_client:
        yield opened_client
    worker.stop()


@pytest.fixture(scope="module")
def months():
    """Return months of two series with gaps, and a column of 0 and 1."""
    steps = np.arange(40)
    stamps = pd.date_range("2021-01-01", periods=40, freq="MS").strftime("%Y-%m-%d")
    values = {"a": 50 + steps + 9 * np.sin(steps * np.pi / 6), "b<i>": 90 - steps % 12}
    table = pd.DataFrame({"month": stamps, **values, "sale": steps % 2})
    table.loc[[7, 8, 20], "a"] = None
    return table.drop(index=30)


def test_any_table_is_forecast_like_by_the_forecaster(client, months):
    content = months.to_csv(index=False)
    answer = client.post(
        "/forecast?horizon=3&level=80", content=content, headers={**CSV, "Accept": "text/csv"}
    )
    assert answer.status_code == 200, answer.text
    note = "columns of 0 and 1 are not forecast: ['sale']"
    assert note in json.loads(answer.headers["forecast-notes"])
    expected = Forecaster(3, backbone=Pretrained).fit(months).predict(level=[80])
    lines = answer.text.splitlines()
    assert lines[0] == "month,a,a-lo-80,a-hi-80,b<i>,b<i>-lo-80,b<i>-hi-80"
    shown = np.array([line.split(",")[1:] for line in lines[1:]], dtype=float)
    np.testing.assert_allclose(shown, expected.drop(columns="month"), rtol=1e-5)
    body = json.loads(json.dumps({"data": months.replace({np.nan: None}).to_dict("list")}))
    as_json = client.post("/forecast", json={**body, "horizon": 3, "level": [80]}).json()
    assert (as_json["season"], as_json["forecast"][0]["month"]) == (12, "2024-05-01")
    assert [row["a"] for row in as_json["forecast"]] == pytest.approx(shown[:, 0], rel=1e-5)
    none = client.post("/chart?horizon=3&season=1", json=body).json()
    fixed = partial(Pretrained, season=1)
    without = Forecaster(3, backbone=fixed).fit(months).predict()
    assert [row["a"] for row in none["forecast"]] == pytest.approx(without["a"].tolist(), rel=1e-5)
    assert (none["names"], none["series_count"]) == (["a", "b<i>"], 2)
    assert without["a"].tolist() != pytest.approx(expected["a"].tolist(), rel=1e-3)


def test_the_model_and_its_limits_are_described(client):
    model = client.get("/model").json()
    assert (model["name"], model["pretrained"], model["any_level"]) == ("Pretrained", True, True)
    assert model["sha256"] == hashlib.sha256(WEIGHTS_PATH.read_bytes()).hexdigest()
    assert model["parameters"] == sum(len(weights.flatten()) for weights in load_weights())
    assert (model["min_rows"], model["max_horizon"], model["max_season"]) == (8, 366, MAX_SEASON)
    assert model["max_forecast_values"] == 250_000
    assert schemas.MAX_SEASON == MAX_SEASON
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/forecast"]["post"]
    names = [parameter["name"] for parameter in operation["parameters"]]
    assert sorted(names) == sorted(ZERO_SHOT_API.parameter_names)
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["data"]
    page = client.get("/docs").text
    assert "nothing is fitted" in page
    assert "ADDRESS/forecast?horizon=12&amp;level=80" in page


def load_weights():
    return Pretrained(8, 1, 1).members[0].parameters()


@pytest.mark.parametrize(
    ("query", "content", "headers", "message"),
    [
        ("", LONG_ENOUGH, CSV, "the request has no horizon, the number of steps to forecast"),
        ("horizon=0", LONG_ENOUGH, CSV, "horizon: Input should be greater than or equal to 1"),
        ("horizon=367", LONG_ENOUGH, CSV, "horizon: Input should be less than or equal to 366"),
        ("horizon=2&season=400", LONG_ENOUGH, CSV, "season: Input should be less than or equal"),
        ("horizon=2&level=101", LONG_ENOUGH, CSV, "a level is in percent, from 1 to below 100"),
        ("horizon=2&lookback=9", LONG_ENOUGH, CSV, "parameters are level and decimal and horizon"),
        ("horizon=2", SHORT, CSV, "has 7 rows, but the pretrained model needs at least 8. Send"),
        ("horizon=2", b"a,b\n" + b"1,2\n" * 9, CSV, "the table has no time column"),
        ("horizon=2", b"", CSV, "the request body is empty. Send a table"),
        ("horizon=2", b"", JSON, "the request has no table. Send rows below a header"),
        ("horizon=2", b"{}", JSON, "data: Field required. Send an object with data, horizon"),
        ("", b'{"data": {}, "future": []}', JSON, "future: Extra inputs are not permitted"),
        ("", b'{"data": {}, "horizon": 2.5}', JSON, "horizon: Input should be a valid integer"),
        (
            "horizon=2",
            b'{"data": {}, "horizon": 3}',
            JSON,
            "horizon is 2 in the address but 3 in the body. Leave one of them out.",
        ),
    ],
)
def test_bad_requests_are_explained(client, query, content, headers, message):
    answer = client.post(f"/forecast?{query}", content=content, headers=headers)
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["detail"]
    assert "--" not in answer.json()["detail"]


def test_eight_rows_suffice_and_too_many_values_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    response = handle_zero_shot_request(WorkerRequest(LONG_ENOUGH, False, horizon=2), tmp_path)
    assert (response.error, len(response.rows), response.season) == ("", 2, 1)
    monkeypatch.setattr("revin_forecast.serving.zero_shot.MAX_FORECAST_VALUES", 1)
    response = handle_zero_shot_request(WorkerRequest(LONG_ENOUGH, False, horizon=2), tmp_path)
    assert response.error == (
        "1 series times 2 steps are 2 values; a request may ask for 1. Send fewer series, or a "
        "shorter horizon."
    )
