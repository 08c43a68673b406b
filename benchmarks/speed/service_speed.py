"""Time of a request to the service: the processor's, and the client's under concurrent requests."""

import http.client
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.evidence import EvidencePage, Options, Row, measurement
from revin_forecast import Forecaster, Ridge
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.serving.messages import WorkerRequest
from revin_forecast.serving.parse_request import TABLE_FILE_NAME
from revin_forecast.serving.predict import handle_request

TEXT = """
# Service: time of a request

A request sends 900 rows of three daily series as CSV and gets a forecast of 14 days with one
interval as CSV. The models were fitted on the first 891 rows: a named Ridge, and the automatic
choice, most of whose time is exponential smoothing over all rows. `worker ms`: processor time of a
request in a worker, the least of three series of ten. `reading ms`: the part of it that reads the
table. The others belong to 160 requests of 16 clients at once to `revin-forecast serve` with two
workers: `process ms`, processor time of all processes of the service for a request; `p50 s` and
`p95 s`, the time a client waited; `refused`, answers other than a forecast. Other programs used
the two cores as well: `load` is the number of processes that wanted one, `share` the part of both
cores that the service got, and `quiet p95 s` the product of `p95 s` and `share`, an estimate for a
machine without other programs. Repeat with

    python -m benchmarks.speed.service_speed
"""
ROWS, FITTED_ROWS, HORIZON = 900, 891, 14
CLIENTS, REQUESTS, CORES = 16, 160, 2
PATH = "/forecast?level=80"
HEADERS = {"Content-Type": "text/csv", "Accept": "text/csv"}


@measurement("service_speed", quick="Ridge only, in this process, without concurrent requests")
def main(options: Options, page: EvidencePage) -> None:
    """Measure a named Ridge and the automatic choice."""
    page.text = TEXT
    torch.set_num_threads(1)
    models = {"Ridge": Forecaster(HORIZON, 28, Ridge), "auto": Forecaster(HORIZON)}
    table = synthesize()
    content = table.to_csv(index=False).encode()
    for name, forecaster in list(models.items())[: 1 if options.quick else 2]:
        forecaster.fit(table[:FITTED_ROWS])
        row: Row = {
            "model": name,
            **measure_worker(forecaster, content, 2 if options.quick else 10),
        }
        if not options.quick:
            with tempfile.TemporaryDirectory() as folder:
                forecaster.save(folder)
                row |= measure_service(folder, content)
        page.add(row)


def synthesize() -> pd.DataFrame:
    """Return days of three series with a level, a season and noise."""
    random, days = np.random.default_rng(0), np.arange(ROWS)
    season = 10 * np.sin(2 * np.pi * days / 7)
    values = {
        name: 50 + 0.01 * days + size * season + random.normal(size=ROWS)
        for size, name in enumerate("abc", start=1)
    }
    return pd.DataFrame({"day": pd.date_range("2022-01-01", periods=ROWS), **values})


def measure_worker(forecaster: Forecaster, content: bytes, count: int) -> Row:
    """Return the processor time of a request without the processes of the service."""
    request = WorkerRequest(content, False, (80.0,), forms=("csv",))
    like = forecaster.fitted.history.format
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        try:
            response = handle_request(forecaster, request, folder)
            assert not response.error, response.error
            worker = _time_calls(lambda: handle_request(forecaster, request, folder), count)
            reading = _time_calls(lambda: read_series(TABLE_FILE_NAME, like=like), count)
        finally:
            os.chdir(before)
    return {"worker ms": worker, "reading ms": reading}


def measure_service(folder: str, content: bytes) -> Row:
    """Return the times of concurrent requests to the command `serve`."""
    load = os.getloadavg()[0]
    with _serve(folder) as (process, port):
        for _ in range(2 * CLIENTS):  # until both workers are warm
            _ask(port, content)
        before = _read_processor_seconds(process.pid)
        start = time.perf_counter()
        answers = _ask_concurrently(port, content)
        wall = time.perf_counter() - start
        used = _read_processor_seconds(process.pid) - before
    share = used / wall / CORES
    seconds = [waited for waited, status in answers if status == 200]
    return {
        "process ms": 1000 * used / REQUESTS,
        "p50 s": float(np.median(seconds)),
        "p95 s": float(np.quantile(seconds, 0.95)),
        "refused": len(answers) - len(seconds),
        "load": load,
        "share": share,
        "quiet p95 s": share * float(np.quantile(seconds, 0.95)),
    }


def _time_calls(call: Callable[[], object], count: int) -> float:
    """Return the processor milliseconds of a call."""
    times: list[float] = []
    for _ in range(3):
        start = time.process_time()
        for _ in range(count):
            call()
        times.append((time.process_time() - start) / count)
    return 1000 * min(times)


@contextmanager
def _serve(folder: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start the command; yield its process and its port."""
    command = [sys.executable, "-m", "revin_forecast", "serve", folder, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # a pipe
        found = re.search(r":(\d+)/", process.stdout.readline())
        assert found is not None  # the line with the address
        try:
            yield process, int(found[1])
        finally:
            process.terminate()


def _ask(port: int, content: bytes) -> tuple[float, int]:
    """Send a request; return the seconds until its response has arrived, and its status."""
    start = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", PATH, content, HEADERS)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return time.perf_counter() - start, answer.status


def _ask_concurrently(port: int, content: bytes) -> list[tuple[float, int]]:
    answers: list[tuple[float, int]] = []

    def ask_repeatedly() -> None:
        for _ in range(REQUESTS // CLIENTS):
            answers.append(_ask(port, content))

    threads = [threading.Thread(target=ask_repeatedly) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _read_processor_seconds(pid: int) -> float:
    """Return the processor time of a process and its children (Linux only)."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if pid in (int(folder.name), int(fields[1])):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
