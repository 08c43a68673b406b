"""Runs that are stopped at any moment: their outputs are the old or the new ones, never half."""

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

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and fork of POSIX")

# All is imported once; each run is a process of its own, forked, so that a kill finds it at work.
STARTER = """
import json, os, resource, signal, sys
import jsonargparse, docstring_parser
import revin_forecast.cli.fit, revin_forecast.cli.forecast
import revin_forecast.__main__ as program

# Until the program watches for them, signals wait: before that is Python's own start, not ours.
SIGNALS = {signal.SIGINT, signal.SIGTERM}
install = program.install_signal_handlers

def watch_then_let_in():
    install()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

program.install_signal_handlers = watch_then_let_in
for line in sys.stdin:
    words, most = json.loads(line)
    theirs, mine = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    child = os.fork()
    if child == 0:
        os.dup2(mine, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if most:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        sys.argv[1:] = words
        os._exit(program.run())  # tidying up a copy of all that was imported takes a second
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    os.close(mine)
    print(child, flush=True)
    with open(theirs) as pipe:
        error = pipe.read()
    _, status = os.waitpid(child, 0)
    print(json.dumps([os.waitstatus_to_exitcode(status), error]), flush=True)
"""
AT_ONCE = """
import sys
print("ready", flush=True)
import revin_forecast.__main__ as program
sys.exit(program.run())
"""


class Runs:
    """Starts runs of the program."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", STARTER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, *words, most=0):
        """Start one, which may write files of `most` bytes; return its process number."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([list(map(str, words)), most]) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self):
        """Wait for it; return its exit code and what it said."""
        assert self.process.stdout
        return tuple(json.loads(self.process.stdout.readline()))


@pytest.fixture(scope="module")
def runs():
    made = Runs()
    with made.process as process:
        yield made
        process.stdin.close()


@pytest.fixture
def table(tmp_path):
    time = np.arange(200)
    frame = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=200, freq="D")})
    for number in range(8):
        frame[f"s{number}"] = 10 + np.sin(2 * np.pi * (time + number) / 7)
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def stop(pid, number, moment, folder):
    """Send a signal after a while, or as soon as something is being written in a folder."""
    deadline = time.monotonic() + moment
    with suppress(ProcessLookupError):  # it was faster
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            if folder is None:
                time.sleep(0.001)
            elif any(path.suffix == ".partial" for path in folder.iterdir()):
                break
        os.kill(pid, number)


def check_end(number, ended):
    """It was stopped as the signal says, or was done before; with one line, or none."""
    code, error = ended
    # Python dies of a SIGINT that found it within exec(); a shell calls that 130, too.
    stopped = {
        signal.SIGKILL: {-9},
        signal.SIGINT: {130, -2},
        signal.SIGTERM: {143},
    }[number]
    assert code in stopped | {0}, error
    said = {
        signal.SIGINT: "revin-forecast: interrupted\n",
        signal.SIGTERM: "revin-forecast: terminated\n",
    }
    assert error == (said.get(number, "") if code else ""), code


# Half of them when the output is being written, the others at any time.
MOMENTS = [
    (number, writing)
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
    for writing in (True, False)
]


def test_a_forecast_that_is_stopped(runs, table):
    out = table.parent / "out" / "f.csv"
    out.parent.mkdir()
    words = ("forecast", table, "--horizon", 7, "--lookback", 28, "--backbone", "Ridge")
    for _ in range(2):  # the second one's time is usual
        began = time.monotonic()
        runs.start(*words, "--out", out)
        assert runs.end() == (0, "")
        took = time.monotonic() - began
    new, old = out.read_bytes(), b"what was there before\n"
    generator = random.Random(1)
    for number, writing in MOMENTS:
        out.write_bytes(old)
        pid = runs.start(*words, "--out", out)
        moment = 30 if writing else generator.uniform(0.05, 1) * took
        stop(pid, number, moment, out.parent if writing else None)
        check_end(number, runs.end())
        assert out.read_bytes() in (old, new)
    runs.start(*words, "--out", out)
    assert runs.end() == (0, "")
    assert list(out.parent.iterdir()) == [out]
    assert out.read_bytes() == new


def test_a_fit_that_is_stopped(runs, table):
    model, old = table.parent / "model", table.parent / "old"
    words = ("fit", table, "--lookback", 28, "--backbone", "Ridge")
    for _ in range(2):
        began = time.monotonic()
        runs.start(*words, "--horizon", 3, "--out", old)
        assert runs.end() == (0, "")
        took = time.monotonic() - began
    generator = random.Random(2)
    for number, writing in MOMENTS:
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(old, model)
        pid = runs.start(*words, "--horizon", 5, "--out", model)
        moment = 30 if writing else generator.uniform(0.05, 1) * took
        stop(pid, number, moment, model if writing else None)
        check_end(number, runs.end())
        assert len(Forecaster.load(model).predict()) in (3, 5)
    runs.start(*words, "--horizon", 5, "--out", model)
    assert runs.end() == (0, "")
    assert len(Forecaster.load(model).predict()) == 5
    assert sum(path.is_file() for path in model.iterdir()) == 5


@pytest.mark.parametrize("most", [100, 1])
def test_a_disk_that_is_full(runs, table, most):
    out, model = table.parent / "f.csv", table.parent / "model"
    out.write_text("old")
    words = (table, "--horizon", 7, "--lookback", 28, "--backbone", "Ridge")
    runs.start("forecast", *words, "--out", out, most=most)
    code, error = runs.end()
    assert code == 2
    assert error.startswith(
        f"revin-forecast: {out} could not be written: File too large. Make room"
    )
    assert error.count("\n") == 1
    assert out.read_text() == "old"
    runs.start("fit", *words, "--out", model, most=most)
    code, error = runs.end()
    assert code == 2
    assert "could not be written: File too large" in error
    assert error.count("\n") == 1
    assert not list(model.iterdir())
    assert sorted(path.name for path in table.parent.iterdir()) == ["f.csv", "model", "table.csv"]


def test_killed_in_the_middle_of_writing(tmp_path):
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


@pytest.mark.parametrize(
    ("number", "delay", "code", "line"),
    [
        (signal.SIGINT, 0.3, {130, -2}, "revin-forecast: interrupted\n"),
        (signal.SIGINT, 0.8, {130, -2}, "revin-forecast: interrupted\n"),
        (signal.SIGTERM, 0.5, {143}, "revin-forecast: terminated\n"),
    ],
)
def test_stopped_while_it_starts(table, number, delay, code, line):
    out = table.parent / "f.csv"
    process = subprocess.Popen(
        [sys.executable, "-c", AT_ONCE, "forecast", table, "--horizon", "7", "--out", out],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    time.sleep(delay)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode in code
    assert error == line
    assert not out.exists()
