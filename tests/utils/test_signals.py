"""Runs that are stopped at any moment leave either the old or the new output."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster
from tests.support.limits import HANG_SECONDS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and fork of POSIX")

# Each run is forked from one process with all imports done, so that a kill hits it at work.
FORK_SERVER = """
import json, os, resource, signal, sys
import jsonargparse, docstring_parser
import revin_forecast.cli.fit, revin_forecast.cli.forecast
import revin_forecast.__main__ as program

# Signals are blocked until the program has installed its handlers: an earlier signal would hit the
# start of Python itself, which is not under test.
SIGNALS = {signal.SIGINT, signal.SIGTERM}
install = program.install_signal_handlers

def install_then_unblock():
    install()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

program.install_signal_handlers = install_then_unblock
for line in sys.stdin:
    words, max_bytes = json.loads(line)
    read_end, write_end = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    child = os.fork()
    if child == 0:
        os.dup2(write_end, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if max_bytes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))
        sys.argv[1:] = words
        os._exit(program.run())  # a normal exit would spend a second on cleaning up the imports
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    os.close(write_end)
    print(child, flush=True)
    with open(read_end) as pipe:
        error = pipe.read()
    _, status = os.waitpid(child, 0)
    print(json.dumps([os.waitstatus_to_exitcode(status), error]), flush=True)
"""
PRINT_THEN_RUN = """
import sys, time
import revin_forecast.__main__ as program
from revin_forecast.utils import signals

install = program.install_signal_handlers

def install_then_print():
    install()
    print("ready", flush=True)

program.install_signal_handlers = install_then_print
# On a fast machine the imports end before the signal: then it arrives at their end.
signals.start_raising = lambda: time.sleep(3600)
sys.exit(program.run())
"""


class RunServer:
    """Runs of the program, forked from one server process."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", FORK_SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, *words, max_bytes=0):
        """Start a run that may write files of up to `max_bytes`; return its process number."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([list(map(str, words)), max_bytes]) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def wait(self):
        """Wait for the run; return its exit code and error output."""
        assert self.process.stdout
        return tuple(json.loads(self.process.stdout.readline()))


@pytest.fixture(scope="module")
def runs():
    server = RunServer()
    with server.process as process:
        yield server
        process.stdin.close()


@pytest.fixture
def table(tmp_path):
    time = np.arange(200)
    frame = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=200, freq="D")})
    for number in range(8):
        frame[f"s{number}"] = 10 + np.sin(2 * np.pi * (time + number) / 7)
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def send_signal(pid, number, delay, folder):
    """Send a signal after a delay in seconds, or as soon as a file is being written in a folder."""
    deadline = time.monotonic() + delay
    with suppress(ProcessLookupError):  # The run ended first.
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            if folder is None:
                time.sleep(0.001)
            elif any(path.suffix == ".partial" for path in folder.iterdir()):
                break
        os.kill(pid, number)


def check_result(number, result):
    """Check that a run was stopped by the signal with one line, or had ended before."""
    code, error = result
    # Python dies of a SIGINT during exec(), which a shell reports as 130, too.
    codes = {
        signal.SIGKILL: {-9},
        signal.SIGINT: {130, -2},
        signal.SIGTERM: {143},
    }[number]
    assert code in codes | {0}, error
    messages = {
        signal.SIGINT: "revin-forecast: interrupted\n",
        signal.SIGTERM: "revin-forecast: terminated\n",
    }
    assert error == (messages.get(number, "") if code else ""), code


# Each signal once while the output is being written and once at a random time.
SIGNAL_CASES = [
    (number, writing)
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
    for writing in (True, False)
]


@pytest.mark.slow
def test_a_stopped_forecast_leaves_a_whole_file(runs, table):
    out = table.parent / "out" / "f.csv"
    out.parent.mkdir()
    words = ("forecast", table, "--horizon", 7, "--lookback", 28, "--backbone", "Ridge")
    for _ in range(2):  # the second one takes the usual time
        start = time.monotonic()
        runs.start(*words, "--out", out)
        assert runs.wait() == (0, "")
        duration = time.monotonic() - start
    new, old = out.read_bytes(), b"the old content\n"
    generator = random.Random(1)
    for number, writing in SIGNAL_CASES:
        out.write_bytes(old)
        pid = runs.start(*words, "--out", out)
        delay = HANG_SECONDS if writing else generator.uniform(0.05, 1) * duration
        send_signal(pid, number, delay, out.parent if writing else None)
        check_result(number, runs.wait())
        assert out.read_bytes() in (old, new)
    runs.start(*words, "--out", out)
    assert runs.wait() == (0, "")
    assert list(out.parent.iterdir()) == [out]
    assert out.read_bytes() == new


@pytest.mark.slow
def test_a_stopped_fit_leaves_a_whole_model(runs, table):
    model, old = table.parent / "model", table.parent / "old"
    words = ("fit", table, "--lookback", 28, "--backbone", "Ridge")
    for _ in range(2):
        start = time.monotonic()
        runs.start(*words, "--horizon", 3, "--out", old)
        assert runs.wait() == (0, "")
        duration = time.monotonic() - start
    generator = random.Random(2)
    for number, writing in SIGNAL_CASES:
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(old, model)
        pid = runs.start(*words, "--horizon", 5, "--out", model)
        delay = HANG_SECONDS if writing else generator.uniform(0.05, 1) * duration
        send_signal(pid, number, delay, model if writing else None)
        check_result(number, runs.wait())
        assert len(Forecaster.load(model).predict()) in (3, 5)
    runs.start(*words, "--horizon", 5, "--out", model)
    assert runs.wait() == (0, "")
    assert len(Forecaster.load(model).predict()) == 5
    assert sum(path.is_file() for path in model.iterdir()) == 5


@pytest.mark.slow
@pytest.mark.parametrize("max_bytes", [100, 1])
def test_a_full_disk_is_reported(runs, table, max_bytes):
    out, model = table.parent / "f.csv", table.parent / "model"
    out.write_text("old")
    words = (table, "--horizon", 7, "--lookback", 28, "--backbone", "Ridge")
    runs.start("forecast", *words, "--out", out, max_bytes=max_bytes)
    code, error = runs.wait()
    assert code == 2
    assert error.startswith(
        f"revin-forecast: {out} could not be written: File too large. Make room"
    )
    assert error.count("\n") == 1
    assert out.read_text() == "old"
    runs.start("fit", *words, "--out", model, max_bytes=max_bytes)
    code, error = runs.wait()
    assert code == 2
    assert "could not be written: File too large" in error
    assert error.count("\n") == 1
    assert not list(model.iterdir())
    assert sorted(path.name for path in table.parent.iterdir()) == ["f.csv", "model", "table.csv"]


def test_killed_writes_leave_whole_files(tmp_path):
    path = tmp_path / "f"
    code = (
        "import itertools, pathlib, sys; from revin_forecast.utils.files import atomic_write\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "for letter in itertools.cycle('ab'):\n"
        "    with atomic_write(path) as partial, partial.open('w') as file:\n"
        "        for _ in range(300): file.write(letter * 1000)"
    )
    for delay in (0.01, 0.02, 0.03, 0.05):
        before = path.stat().st_mtime_ns if path.exists() else 0
        process = subprocess.Popen([sys.executable, "-c", code, str(path)])
        while not path.exists() or path.stat().st_mtime_ns == before:
            time.sleep(0.001)
        time.sleep(delay)
        process.kill()
        process.wait()
        text = path.read_text()
        assert text in ("a" * 300_000, "b" * 300_000)
        assert len(list(Path(tmp_path).iterdir())) <= 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "delay", "code", "line"),
    [
        (signal.SIGINT, 0.3, {130, -2}, "revin-forecast: interrupted\n"),
        (signal.SIGINT, 0.8, {130, -2}, "revin-forecast: interrupted\n"),
        (signal.SIGTERM, 0.5, {143}, "revin-forecast: terminated\n"),
    ],
)
def test_signals_during_the_imports(table, number, delay, code, line):
    out = table.parent / "f.csv"
    process = subprocess.Popen(
        [sys.executable, "-c", PRINT_THEN_RUN, "forecast", table, "--horizon", "7", "--out", out],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    time.sleep(delay)
    process.send_signal(number)
    _, error = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode in code
    assert error == line
    assert not out.exists()
