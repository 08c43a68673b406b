"""The service: the numbers of `predict`, limits that hold, and nothing that breaks it."""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import numpy as np
import pandas as pd
import pytest
import schemathesis
from httpx2 import ASGITransport, AsyncClient
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

from revin_forecast import Forecaster, Ridge, TrainingSettings
from revin_forecast.cli.main import main
from revin_forecast.errors import InputError
from revin_forecast.serving.app import create_app, render_docs_page
from revin_forecast.serving.errors import (
    BusyError,
    ModelChangedError,
    RequestTimeoutError,
    ShuttingDownError,
    WorkerLostError,
)
from revin_forecast.serving.messages import WorkerRequest
from revin_forecast.serving.parse_request import to_client_message
from revin_forecast.serving.pool import RequestLimits, WorkerPool
from revin_forecast.serving.predict import describe_model, handle_request
from revin_forecast.serving.security import is_local
from revin_forecast.serving.worker import Worker
from tests.support.docs_blocks import blocks_of
from tests.support.warm_programs import CONTEXT

ROWS, HORIZON, LOOKBACK = 120, 5, 14
ROOT = Path(__file__).resolve().parents[2]
CSV = {"Content-Type": "text/csv"}
JSON = {"Content-Type": "application/json"}


def table(rows=ROWS):
    random = np.random.default_rng(0)
    stamps = pd.date_range("2024-01-01", periods=rows, freq="D")
    season = 10 * np.sin(np.arange(rows) * 2 * np.pi / 7)
    values = {"a": 50 + season + random.normal(size=rows), "b<i>": 90 - season}
    return pd.DataFrame({"day": stamps, **values})


@pytest.fixture(scope="module", autouse=True)
def warm():
    """Workers start at once; cold ones are those of the commands below."""
    with pytest.MonkeyPatch.context() as patch:
        started = SimpleNamespace(get_context=lambda _: CONTEXT)
        patch.setattr("revin_forecast.serving.worker.multiprocessing", started)
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    Forecaster(HORIZON, LOOKBACK, Ridge).fit(table()).save(folder)
    return folder


@pytest.fixture(scope="module")
def worker(model):
    started = Worker(model, 1)
    started.describe()
    yield started
    started.shut_down()


def client_of(worker, token="", local=True, **limits):
    app = create_app(WorkerPool([worker], RequestLimits(**limits)), worker.describe(), local, token)
    return TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client(worker):
    with client_of(worker) as opened:
        yield opened


@pytest.fixture(scope="module")
def newer():
    return table(ROWS + 9)


def records(frame):
    return json.loads(frame.assign(day=frame["day"].astype(str)).to_json(orient="records"))


def test_csv_in_and_out_are_those_of_predict(client, model, newer, tmp_path, capsys):
    file = tmp_path / "newer.csv"
    newer.to_csv(file, index=False)
    words = ["predict", str(model), str(file), "--level", "80", "95"]
    assert main(words) == 0
    wanted = capsys.readouterr().out
    answer = client.post(
        "/forecast?level=80&level=95",
        content=file.read_bytes(),
        headers={**CSV, "Accept": "text/csv"},
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text == wanted


def test_json_in_both_forms_gives_the_same(client, newer):
    by_records = {"data": records(newer), "level": [80]}
    by_columns = {"data": {name: [row[name] for row in by_records["data"]] for name in newer}}
    first = client.post("/forecast", json=by_records).json()
    second = client.post("/forecast", json={**by_columns, "level": [80]}).json()
    assert first == second
    columns = [f"{name}{end}" for name in ("a", "b<i>") for end in ("", "-lo-80", "-hi-80")]
    assert first["columns"] == ["day", *columns]
    assert first["forecast"][0]["day"] == "2024-05-09"
    as_csv = client.post("/forecast?level=80", content=newer.to_csv(index=False), headers=CSV)
    for one, other in zip(as_csv.json()["forecast"], first["forecast"], strict=True):
        assert one["a-hi-80"] == pytest.approx(other["a-hi-80"], rel=1e-6)
    both = client.post("/forecast?level=50", json=by_records).json()
    assert both["columns"][:6] == ["day", "a", "a-lo-50", "a-hi-50", "a-lo-80", "a-hi-80"]


@pytest.mark.parametrize(
    ("content", "headers"), [(b"", {}), (b"", JSON), (b"  \n", JSON), (b"{}", JSON)]
)
def test_nothing_sent_follows_the_rows_fitted_on(client, model, content, headers):
    answer = client.post("/forecast", content=content, headers=headers).json()
    wanted = Forecaster.load(model).predict()
    assert [row["a"] for row in answer["forecast"]] == pytest.approx(wanted["a"].tolist())
    assert answer["forecast"][0]["day"] == "2024-04-30"


@pytest.mark.parametrize("content", [b"", b" \n\n"])
def test_an_empty_file_is_refused(client, content):
    """An export that failed is no wish for the rows fitted on."""
    for kind in ("text/csv", "application/x-www-form-urlencoded"):
        answer = client.post("/forecast", content=content, headers={"Content-Type": kind})
        assert answer.status_code == 422
        assert "what was sent is empty. Send rows with their names above" in answer.json()["detail"]


def test_what_programs_send_that_were_told_nothing(client, newer):
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


def test_the_model_is_described(client):
    told = client.get("/model").json()
    assert told["series"] == ["a", "b<i>"]
    assert told["columns"] == {"time": "day"}
    assert (told["lookback"], told["horizon"], told["step"]) == (LOOKBACK, HORIZON, "D")
    assert (told["levels"], told["any_level"]) == ([50, 80, 90, 95, 99], True)
    assert told["saved"].startswith("20")
    assert (told["future"], told["fitted_on"]["rows"]) == ([], ROWS)
    assert told["limits"] == {"mebibytes": 10.0, "seconds": 30.0}
    assert client.get("/health").json()["status"] == "ok"


def test_the_levels_told_are_those_that_can_be_had(model, tmp_path):
    forecaster = Forecaster.load(model)
    for level in describe_model(forecaster)["levels"]:
        forecaster.predict(level=[level])
    fitted = forecaster.fitted
    trained = TrainingSettings(loss="quantile", levels=(0.05, 0.1, 0.5, 0.9, 0.95))
    for changed, levels in (
        ({"recipe": replace(fitted.config, training=trained), "intervals": None}, [80, 90]),
        ({"intervals": None}, []),
    ):
        forecaster.fitted = replace(fitted, **changed)
        told = describe_model(forecaster)
        assert (told["levels"], told["any_level"]) == (levels, False)


@pytest.mark.parametrize(
    ("first", "step", "shown"),
    [
        ("2024-01-01", "W", ["2024-01-07", "2024-01-14"]),
        ("2024-01-01 23:00", "h", ["2024-01-01T23:00:00", "2024-01-02T00:00:00"]),
        ("2024-01-01", "500ms", ["2024-01-01T00:00:00.000", "2024-01-01T00:00:00.500"]),
        ("2024-01-01", "1us", ["2024-01-01T00:00:00.000000", "2024-01-01T00:00:00.000001"]),
        ("2024-10-27 00:00Z", "h", ["2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00"]),
        ("2024-01-01 00:00+01:00", "D", ["2024-01-01T00:00:00+01:00", "2024-01-02T00:00:00+01:00"]),
    ],
)
def test_times_of_a_column_have_one_form(model, tmp_path, monkeypatch, first, step, shown):
    stamps = pd.date_range(first, periods=2, freq=step)
    stamps = stamps.tz_convert("Europe/Berlin") if stamps.tz else stamps
    ahead = pd.DataFrame({"day": stamps, "a": 1.0})
    monkeypatch.setattr(Forecaster, "predict", lambda *_: ahead)
    rows = handle_request(Forecaster.load(model), WorkerRequest(b"", False), False, tmp_path).rows
    assert [row["day"] for row in rows] == shown
    utc = stamps.tz is not None  # or pandas wants one offset
    assert pd.to_datetime(shown, utc=utc).tolist() == stamps.tolist()


def test_what_is_no_number_is_null_and_a_full_memory_is_told(model, tmp_path, monkeypatch):
    forecaster = Forecaster.load(model)
    endless = forecaster.predict().assign(a=[np.inf, -np.inf, np.nan, 1.5, 2.0])
    monkeypatch.setattr(Forecaster, "predict", lambda *_: endless)
    rows = handle_request(forecaster, WorkerRequest(b"", False), False, tmp_path).rows
    assert [row["a"] for row in rows] == [None, None, None, 1.5, 2.0]

    def full(*_):
        raise MemoryError

    monkeypatch.setattr(Forecaster, "predict", full)
    told = handle_request(forecaster, WorkerRequest(b"", False), False, tmp_path).error
    assert told == "the memory does not suffice; send fewer rows or columns."


MONTHS = b"".join(b"2024-%02d-01,1,2\n" % month for month in range(1, 13))
WIDE = b",".join(b"c%d" % place for place in range(20_000))
MANY = "the table has more than 10,000 columns; send fewer"
HEAD, TWO = b"day,a,b<i>\n", b"2024-01-01,1,2\n2024-01-02,1,2\n"
BAD = {
    "another rhythm": (HEAD + MONTHS, "step is MS"),
    "too few rows": (HEAD + TWO, "has 2 rows but the forecaster looks back"),
    "other columns": (b"day,x\n2024-01-01,1\n2024-01-02,1\n2024-01-03,1\n", "lacks ['a', 'b<i>']"),
    "no number": (HEAD + TWO + b"2024-01-03,x,2\n", "line 4, column 'a': 'x'"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "line 1 is not UTF-8 text"),
    "gzip": (b"\x1f\x8b\x08\x00" + bytes(50), "the table is packed; send CSV as it is"),
    "a spreadsheet": (b"PK\x03\x04" + bytes(60), "a spreadsheet"),
    "ragged": (HEAD + b"1\n2024-01-01,1,2,3,4\n", "line 2 has 1 cells but the header has 3"),
    "columns without end": (b"day," + WIDE + b"\n", MANY),
    "columns below a line end": (b'"day\n",' + WIDE + b"\n1\n", MANY),
    "columns on many lines": (b'"\n",'.join([b"day,", *[WIDE[:9000]] * 20]) + b"\n1\n", MANY),
    "columns below a blank line": (b"\n" + WIDE + b"\n1\n", MANY),
    "columns below a separator": (b"sep=,\n" + WIDE + b"\n1\n", MANY),
    "columns in UTF-16": (('"day\n",' + WIDE.decode()).encode("utf-16"), MANY),
    "twice": (b"day,a,a\n" + TWO, "more than one column"),
    "nul": (bytes(1000), "line 1 holds a zero byte"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables_are_told_in_words(client, name):
    content, message = BAD[name]
    answer = client.post("/forecast", content=content, headers=CSV)
    assert answer.status_code == 422, answer.text
    detail = answer.json()["detail"]
    assert message in detail
    assert "/tmp" not in detail
    assert "table.csv" not in detail
    assert "--" not in detail
    assert "Traceback" not in detail
    assert "\n" not in detail


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[1, 2]", "Send an object with data, level and future"),
        (b'{"data": 3}', "data"),
        (b'{"datum": []}', "datum: Extra inputs are not permitted"),
        (b'{"level": [0.8]}', "a level is in percent but got 0.8; pass 80"),
        (b'{"level": [NaN]}', "a level is in percent"),
        (b'{"level": [1,2,3,4,5,6,7,8,9,10,11]}', "level: List should have at most 10 items"),
        (b'{"data": {"day": ["2024-01-01"], "a": []}}', "the columns differ in length"),
        (b'{"data": [{"day": "2024-01-01", "a": 1e400}]}', ""),
        (b'{"future": [{"day": "2024-01-01"}]}', "future is for own columns"),
        (b"[" * 100_000, "Send an object"),
        (b'{"data": {"day": [' + b"9" * 5000 + b"]}}", ""),
        (b"\xff\xfe{", "Invalid JSON"),
        (b'{"data": []}', ""),
        (b'{"data": {}}', ""),
    ],
)
def test_bad_json_is_told_in_words(client, body, message):
    answer = client.post("/forecast", content=body, headers=JSON)
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["detail"]


def test_bad_queries_are_told_in_words(client):
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


def test_decimal_commas_can_be_said(client, newer):
    text = newer.to_csv(index=False, sep=";", decimal=",")
    plain = client.post("/forecast", content=newer.to_csv(index=False), headers=CSV).json()
    assert client.post("/forecast?decimal=,", content=text, headers=CSV).json() == plain
    refused = client.post("/forecast?decimal=.", content=text, headers=CSV)
    assert refused.status_code == 422


def test_what_is_sent_is_counted_while_it_comes(worker):
    sent = []

    def endless():
        for _ in range(10_000):
            sent.append(1)
            yield b"x" * 1024

    with client_of(worker, mebibytes=0.01) as small:
        answer = small.post("/forecast", content=endless(), headers=CSV)
    assert answer.status_code == 413
    assert answer.json() == {"detail": "at most 0.01 MiB can be sent at once."}


def test_who_sends_too_slowly_is_turned_away(worker):
    app = create_app(WorkerPool([worker], RequestLimits(seconds=0.2)), worker.describe())
    said = []

    async def slow():
        await asyncio.sleep(5)
        return {"type": "http.request", "body": b"", "more_body": True}

    async def send(message):
        said.append(message)

    scope = {
        **{"type": "http", "method": "POST", "path": "/forecast", "query_string": b""},
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"text/csv")],
    }
    asyncio.run(app(scope, slow, send))
    assert said[0]["status"] == 408


@pytest.fixture
def own(model):
    """A worker that a test may harm."""
    begun = Worker(model, 1)
    begun.describe()
    yield begun
    begun.shut_down()


def killed(worker):
    os.kill(worker._process.process.pid, signal.SIGKILL)


def test_a_request_that_takes_too_long_is_stopped_and_the_next_one_is_served(own):
    before = own._process.process.pid
    os.kill(before, signal.SIGSTOP)  # or it may be done first
    with pytest.raises(RequestTimeoutError):
        own.handle(WorkerRequest(b"", False), False, 0.0)
    assert own._process.process.pid != before
    assert own.handle(WorkerRequest(b"", False), False, 30.0).csv.startswith("day,a")
    scratch = Path(own._process.scratch.name)
    own.handle(WorkerRequest(b"day,a\n2024-01-01,1\n", False), False, 30.0)
    assert list(scratch.iterdir()) == []  # what was sent is forgotten
    os.kill(own._process.process.pid, signal.SIGSTOP)
    with client_of(own, seconds=0.01) as hasty:
        answer = hasty.post("/forecast", content=b"", headers=JSON)
    assert answer.status_code == 504
    assert "was stopped; send less" in answer.json()["detail"]
    assert not scratch.exists()


def test_a_process_that_ends_while_idle_costs_no_request(own, capfd):
    for _ in range(2):
        killed(own)  # it may still be dying when it is asked
        assert own.handle(WorkerRequest(b"", False), False, 30.0).csv.startswith("day,a")
    log = "a process that forecasts ended (exit code -9, Killed); another one takes its place\n"
    assert capfd.readouterr().err == 2 * log
    killed(own)
    own._process.process.join()
    own._replace_process()
    killed(own)  # while it loads
    assert own.handle(WorkerRequest(b"", False), False, 30.0).csv.startswith("day,a")


class Fatal:
    """A pipe to a process that ends once it has begun with a request."""

    def __init__(self, now):
        self.pipe, self.process = now.pipe, now.process

    def send(self, said):
        self.pipe.send(said)

    def recv(self):
        said = self.pipe.recv()
        self.process.kill()
        return said


def test_a_request_that_ends_its_process_is_told_and_not_tried_again(own, capfd):
    own._process.pipe = Fatal(own._process)
    content = table(50_000).to_csv(index=False)  # not done before it ends
    with client_of(own) as opened:
        answer = opened.post("/forecast", content=content, headers=CSV)
        assert answer.status_code == 500
        assert "ended (was it out of memory?); send less" in answer.json()["detail"]
        assert "exit code -9, Killed" in capfd.readouterr().err
        assert opened.post("/forecast", content=content, headers=CSV).status_code == 200


def test_a_process_that_reads_nothing_is_stopped_in_time(own):
    large = WorkerRequest(b"x" * 7_000_000, False)  # more than a pipe holds
    os.kill(own._process.process.pid, signal.SIGSTOP)
    begun = time.monotonic()
    with pytest.raises(RequestTimeoutError):
        own.handle(large, False, 0.5)
    assert time.monotonic() - begun < 10
    assert own.handle(WorkerRequest(b"", False), False, 30.0).csv.startswith("day,a")


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.5])
def test_nothing_begins_after_the_end(own, seconds):
    killed(own)
    with ThreadPoolExecutor(1) as threads:
        asking = threads.submit(own.handle, WorkerRequest(b"", False), False, 30.0)
        time.sleep(seconds)
        own.end()
        last = own._process.process
        with suppress(ShuttingDownError):  # it may have been done in time
            asking.result(30)
    with pytest.raises(ShuttingDownError):
        own.handle(WorkerRequest(b"", False), False, 30.0)
    assert own._process.process is last
    assert not last.is_alive()


def test_a_model_that_changed_is_refused(own, tmp_path):
    own._model = tmp_path  # somebody took the model away
    own._replace_process()
    for _ in range(2):
        with pytest.raises(ModelChangedError, match="holds no forecaster"):
            own.handle(WorkerRequest(b"", False), False, 30.0)
    Forecaster(HORIZON, LOOKBACK + 1, Ridge).fit(table()).save(tmp_path)
    own._replace_process()
    app = create_app(WorkerPool([own], RequestLimits()), {})
    with TestClient(app, base_url="http://127.0.0.1") as opened:
        answer = opened.post("/forecast", content=b"", headers=JSON)
    assert answer.status_code == 503
    assert "not the one that the service started with" in answer.json()["detail"]


def test_a_process_that_cannot_load_is_told(own, monkeypatch):
    killed(own)
    own._process._model_info = None
    with pytest.raises(InputError, match=r"exit code -9, Killed\) before it had loaded the model"):
        own.describe()
    monkeypatch.setattr("revin_forecast.serving.worker.LOAD_SECONDS", 0.0)
    own._replace_process()
    with pytest.raises(WorkerLostError, match="took over 0 seconds to load"):
        own.handle(WorkerRequest(b"", False), False, 30.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            HEAD + TWO + b"2024-01-03,x,2\n",
            "line 4, column 'a': 'x' is no number. Correct it, leave it empty if it was not "
            "measured.",
        ),
        (
            HEAD + TWO + b"2024-01-02,1,3\n",
            "line 4: 2024-01-02 00:00:00 stands there a second time (duplicate time stamp); the "
            "first is line 3 and has other values. Keep one row for each time.",
        ),
        (
            b"a,b<i>\n1,2\n1,2\n",
            "the table has no column 'day' among ['a', 'b<i>'].",
        ),
        (
            HEAD + TWO + b'2024-01-03,"1,234",2\n2024-01-04,"2.345",2\n',
            "line 4, column 'a': '1,234' may be 1.234 or 1234. Say which mark stands before the "
            "decimals with decimal=, or decimal=.",
        ),
        (
            HEAD + TWO + b"soon,1,2\n",
            "line 4, column 'day': 'soon' is no date or time like those above it. Write it as "
            "2024-12-31 or 2024-12-31 23:00.",
        ),
    ],
)
def test_remedies_are_those_that_a_client_has(client, content, message):
    assert client.post("/forecast", content=content, headers=CSV).json() == {"detail": message}


def test_words_of_a_cell_are_left_as_they_are():
    for message in (
        "a column is called '--time', or so. Rename it.",
        "the new table lacks ['a --targets']. Pass a table with the same columns.",
    ):
        assert to_client_message(message) == message
    assert to_client_message("x.\nPass --frequency (h, D), or more rows.") == "x. More rows."
    assert (
        to_client_message("x; see --time, --id and --value. Did you mean y?")
        == "x. Did you mean y?"
    )
    assert (
        to_client_message("--level goes up to 98. Leave --level out.")
        == "level goes up to 98. Leave level out."
    )


def test_a_bug_is_told_as_json(worker, monkeypatch):
    async def breaks(*_):
        raise RuntimeError("secret")

    monkeypatch.setattr(WorkerPool, "handle", breaks)
    with client_of(worker) as opened:
        answer = opened.post("/forecast", content=b"", headers=JSON)
    assert answer.status_code == 500
    assert answer.json() == {"detail": "this is a bug; the server's log holds more."}


class Slow(Worker):
    """A worker that takes its time."""

    def __init__(self):
        self.asked = 0

    def handle(self, asked, drawn, seconds):
        self.asked += 1
        time.sleep(0.5)
        raise WorkerLostError("it ended")


def test_a_request_that_finds_all_workers_busy_is_told_when_to_come(monkeypatch):
    monkeypatch.setattr("revin_forecast.serving.pool.WAIT_SECONDS", 0.1)
    pool = WorkerPool([Slow()], RequestLimits())
    with pytest.raises(BusyError):
        asyncio.run(pool_asked_twice(pool))
    with TestClient(create_app(pool, {}), base_url="http://127.0.0.1") as opened:
        broken = opened.post("/forecast", content=b"", headers=JSON)
        assert broken.status_code == 500
        assert "log" in broken.json()["detail"]


async def pool_asked_twice(pool):
    pool._idle_workers = asyncio.Queue()
    pool._idle_workers.put_nowait(pool.workers[0])
    first = asyncio.ensure_future(pool.handle(WorkerRequest(b"", False)))
    await asyncio.sleep(0)
    try:
        await pool.handle(WorkerRequest(b"", False))
    finally:
        with pytest.raises(WorkerLostError):
            await first


def test_no_more_are_read_than_can_wait(worker):
    pool = WorkerPool([worker], RequestLimits(mebibytes=0.001))
    size = pool.limits.max_bytes
    with TestClient(create_app(pool, {}), base_url="http://127.0.0.1") as opened:

        def code(content=b"{}"):
            sent = opened.post("/forecast", content=content, headers=JSON)
            assert sent.headers.get("retry-after") == ("5" if sent.status_code == 503 else None)
            return sent.status_code

        for number, held, codes in (
            (64, 0, (200, 200)),
            (65, 0, (503, 503)),
            (4, size, (200, 200)),
        ):
            with ExitStack() as inside:
                for _ in range(number):
                    inside.enter_context(pool.admit(held))
                assert (
                    code(),
                    code(iter([b"{}"])),
                ) == codes  # one that does not say how long it is
        with ExitStack() as inside:
            for _ in range(5):
                inside.enter_context(pool.admit(10**9 if _ else size - 2))
            assert (code(), code(b" {}"), code(iter([b"{}"]))) == (200, 503, 503)
        assert code() == 200


def test_a_burst_of_small_requests_is_served(worker, newer):
    app = create_app(WorkerPool([worker], RequestLimits()), {})
    content = newer.to_csv(index=False)

    async def burst():
        transport = ASGITransport(app)
        async with AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            asked = (client.post("/forecast", content=content, headers=CSV) for _ in range(30))
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert asyncio.run(burst()) == [200] * 30


def test_busy_is_a_503(worker, monkeypatch):
    async def busy(*_):
        raise BusyError

    monkeypatch.setattr(WorkerPool, "handle", busy)
    with client_of(worker) as opened:
        answer = opened.post("/forecast", content=b"", headers=JSON)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_a_token_guards_all_that_is_of_the_model(worker):
    with client_of(worker, token="s3cret") as guarded:
        for path in ("/", "/health", "/docs", "/page.js", "/plotly.js", "/openapi.json"):
            assert guarded.get(path).status_code == 200
        document = guarded.get("/openapi.json").json()
        assert document["paths"]["/forecast"]["post"]["security"] == [{"HTTPBearer": []}]
        for method, path in (("GET", "/model"), ("POST", "/forecast"), ("POST", "/chart")):
            for given in ({}, {"Authorization": "Bearer other"}, {"Authorization": "Basic s3cret"}):
                answer = guarded.request(method, path, headers={**CSV, **given})
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
                assert "Authorization: Bearer TOKEN" in answer.json()["detail"]
        right = {"Authorization": "bearer s3cret", **JSON}
        assert guarded.post("/forecast", headers=right).status_code == 200


def test_names_of_other_machines_are_refused(worker):
    with client_of(worker) as here, client_of(worker, local=False, token="t") as anywhere:
        for host in ("localhost:8000", "LOCALHOST", "127.0.0.9:80", "[::1]:1"):
            assert here.get("/health", headers={"Host": host}).status_code == 200
        for host in ("evil.example", "", "localhost.evil.example", "192.168.0.1", "[::2]"):
            assert here.get("/health", headers={"Host": host}).status_code == 400
        assert anywhere.get("/health", headers={"Host": "evil.example"}).status_code == 200
    assert [is_local(one) for one in ("::1", "127.0.0.9", "192.168.0.1", "example.org")] == [
        *(True, True),
        *(False, False),
    ]


def test_pages_of_other_sites_are_refused(client):
    for site, code in (("cross-site", 403), ("same-site", 403), ("same-origin", 200)):
        sent = client.post("/forecast", headers={"Sec-Fetch-Site": site, **JSON})
        assert sent.status_code == code
    assert client.get("/docs", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_every_answer_keeps_the_page_to_itself(client):
    for path in ("/", "/docs", "/health", "/nothing", "/plotly.js"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
    assert "max-age" in client.get("/plotly.js").headers["cache-control"]


def test_charts_are_those_of_the_forecast(client, newer):
    answer = client.post("/chart?level=80", content=newer.to_csv(index=False), headers=CSV)
    body = answer.json()
    assert body["names"] == list(body["figures"]) == ["a", "b<i>"]
    ahead = next(t for t in body["figures"]["a"]["data"] if t.get("name") == "forecast")
    assert ahead["x"] == [row["day"] for row in body["forecast"]]
    assert body["csv"].startswith("day,a,a-lo-80,a-hi-80,b<i>")


def test_the_documentation_of_the_api_is_whole(client):
    document = client.get("/openapi.json").json()
    page = render_docs_page(document)
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
    pool = WorkerPool([worker], RequestLimits(mebibytes=1.0))
    app = create_app(pool, worker.describe(), local_only=False)  # who asks calls it testserver
    return schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("path", ["/forecast", "/chart"])
def test_no_request_breaks_it(api, path, mode):
    tried = set()

    @hypothesis.given(case=api[path]["POST"].as_strategy(generation_mode=mode))
    @hypothesis.settings(max_examples=30, derandomize=True, database=None)
    def check(case):  # what a schema allows may be no table of this model: that is excluded
        answer = case.call()
        tried.add(answer.status_code)
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])

    check()
    # Of wrong requests some may be right by chance: a text is a header without rows, or a table.
    assert tried == {200, 422} or (mode is GenerationMode.NEGATIVE and tried == {422})


def started(model, *words, **changes):
    words = [str(model), "--port", "0", "--workers", "1", *words]
    command = [sys.executable, "-m", "revin_forecast", "serve", *words]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **changes},
    )


def test_the_end_of_the_service_waits_for_no_request(model, monkeypatch):
    monkeypatch.setattr("revin_forecast.serving.pool.GRACE_SECONDS", 0.2)
    own = Worker(model, 1)
    pool, ending = WorkerPool([own], RequestLimits()), []
    own.describe()
    app = create_app(pool, {}, should_exit=lambda: bool(ending))
    with TestClient(app, base_url="http://127.0.0.1") as opened:
        assert opened.post("/forecast", content=b"", headers=JSON).status_code == 200
        before = own._process.process
        os.kill(before.pid, signal.SIGSTOP)  # a request without end
        ending.append(True)
        for _ in range(2):
            answer = opened.post("/forecast", content=b"", headers=JSON)
            assert answer.status_code == 503
            assert answer.json() == {"detail": "the service is ending."}
    assert not before.is_alive()
    assert own._process.process is before  # nothing takes its place


def test_a_worker_whose_server_is_gone_ends_and_tidies_up(model):
    own = Worker(model, 1)
    own.describe()
    own._process.pipe.close()
    own._process.process.join(30)
    assert own._process.process.exitcode == 0
    assert not Path(own._process.scratch.name).exists()
    own.shut_down()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_ended(model, newer, number):
    process = started(model, REVIN_FORECAST_TOKEN="t" * 20)
    try:
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", line)[0]
        request = urllib.request.Request(
            f"{address}forecast", newer.to_csv(index=False).encode(), {"Accept": "text/csv"}
        )
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{address}model")
        request.add_header("Authorization", f"Bearer {'t' * 20}")
        with urllib.request.urlopen(request) as answer:
            assert answer.read().decode().startswith("day,a,b<i>\n2024-05-09")
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--host", "0.0.0.0"],
            "--host 0.0.0.0 lets other machines in, and there is no token",
        ),
        (["--workers", "0"], "--workers is a number above 0 but got 0"),
        (["--timeout", "-1"], "--timeout is a number above 0 but got -1"),
        (["--timeout", "2e6"], "--timeout is at most 86,400 seconds (a day) but got 2e+06"),
        (["--port", "99999"], "--port is a number from 0 to 65535 but got 99999"),
        (["--host", "not a host"], "can't listen at not a host"),
        (["--token", "schlüssel"], "the token (--token or REVIN_FORECAST_TOKEN) can't be sent"),
        (["--token", "abc\n"], "with no space around it"),
    ],
)
def test_what_cannot_be_served_is_refused(model, words, message, capsys, monkeypatch):
    monkeypatch.delenv("REVIN_FORECAST_TOKEN", raising=False)
    if "not a host" in words:
        words = [*words, "--token", "t"]
    assert main(["serve", str(model), *words]) == 2
    assert message in capsys.readouterr().err


def test_a_port_that_is_taken_and_a_folder_without_model(model, tmp_path, capsys):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", str(model), "--port", str(port)]) == 2
    assert f"can't listen at 127.0.0.1:{port}" in capsys.readouterr().err
    assert main(["serve", str(tmp_path), "--port", "0", "--workers", "1"]) == 2
    assert f"{tmp_path} holds no forecaster" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(model, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", str(model)]) == 2
    said = capsys.readouterr().err
    assert 'serve takes uvicorn; install it: pip install -c constraints.txt ".[serve]"' in said


def test_the_tutorial_shows_what_comes(tmp_path, monkeypatch):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    (tmp_path / "datasets").symlink_to(ROOT / "datasets")
    monkeypatch.chdir(tmp_path)
    blocks = blocks_of((ROOT / "docs" / "tutorials" / "serve.md").read_text())
    port, processes, said = "", [], None
    try:
        for block in blocks:
            if block.told == "serves":
                words = shlex.split(block.body)
                changes = dict(word.split("=") for word in words[: words.index("revin-forecast")])
                shown = words[words.index("serve") + 1 :]
                assert shown[-2:] == ["--port", "8000"]
                processes.append(started(*shown[:-2], **changes))
                said = processes[-1].stdout.readline()
                port = re.search(r":(\d+)/", said)[1]
            elif block.told == "asks":
                line = block.body.replace(":8000", f":{port}")
                asked = subprocess.run(shlex.split(line), capture_output=True, check=True)
                said = asked.stdout.decode()
            elif block.language == "bash":
                assert main(shlex.split(block.body)[1:]) == 0
                said = None
            elif said is not None:
                shown = said.replace(f":{port}", ":8000").splitlines()
                assert len(shown) >= len(block.body.splitlines())
                for wanted, came in zip(block.body.splitlines(), shown, strict=False):
                    assert came.startswith(wanted.removesuffix("...")), (wanted, came)
                said = None
        assert said is None
    finally:
        for process in processes:
            process.terminate()
            process.communicate(timeout=30)


def test_an_unknown_word_in_the_address_is_refused(client, newer):
    """A typo must not pass for an answer without intervals."""
    answer = client.post("/forecast?levels=80&horizon=3", content=b"{}", headers=JSON)
    assert answer.status_code == 422
    assert "there is no horizon and levels in an address; it takes level" in answer.text
