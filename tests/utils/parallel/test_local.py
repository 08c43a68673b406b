"""The local engine returns the same results as the inline one and reports failures."""

import math
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from revin_forecast.errors import InputError
from revin_forecast.utils.parallel import make_engine
from tests.support.limits import HANG_SECONDS

ROOT = Path(__file__).resolve().parents[3]
PARENT = """
import time
from revin_forecast.utils.parallel import make_engine
if __name__ == "__main__":
    make_engine("local", 1).map(time.sleep, [3600])
"""
FIRST_WORKER = """
import signal
from revin_forecast.utils.parallel import make_engine

def read_blocked_signals(_):
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())

if __name__ == "__main__":
    print(signal.SIGINT in make_engine("local", 1).map(read_blocked_signals, [0])[0])
"""
SPAWNED = "spawn_main"
TEXT = {"capture_output": True, "text": True}


@pytest.fixture(autouse=True)
def _spawn(monkeypatch):
    """Spawn workers as users' programs do: the tests of the service fork warm ones."""
    monkeypatch.setattr("revin_forecast.utils.parallel.process.multiprocessing", multiprocessing)


def count_threads(_):
    import torch

    return torch.get_num_threads()


def test_results_are_in_the_order_of_the_tasks():
    for name in ("inline", "local"):
        assert make_engine(name, 2).map(math.sqrt, [4, 9, 16]) == [2, 3, 4]
        assert make_engine(name, 2).map(math.sqrt, []) == []


def test_workers_use_one_thread_and_restore_that_of_this_process():
    import torch

    before, variable = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    torch.set_num_threads(2)
    try:
        assert make_engine("inline").map(count_threads, [0]) == [1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS"]
    assert make_engine("local", 1).map(os.getenv, names) == ["1", "1"]
    assert os.environ.get("OMP_NUM_THREADS") == variable


@pytest.mark.slow
def test_an_error_is_raised_here_and_stops_the_other_tasks():
    start = time.monotonic()
    with pytest.raises(ValueError, match="sleep length must be non-negative"):
        make_engine("local", 2).map(time.sleep, [-1, 3600])
    assert time.monotonic() - start < HANG_SECONDS  # the hour of the other task is cut short
    with pytest.raises(ValueError, match="math domain error"):
        make_engine("inline").map(math.sqrt, [-1])


def test_a_lost_worker_is_reported():
    with pytest.raises(InputError, match="a worker process was lost, for want of memory or"):
        make_engine("local", 1).map(os._exit, [3])


@pytest.mark.skipif(shutil.which("ps") is None, reason="lists processes with ps")
def test_workers_end_with_a_killed_parent(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, script], env=environment)
    try:
        workers = _wait_for(lambda: _find_workers(parent.pid))
    finally:
        parent.kill()
        parent.wait()
    assert len(workers) == 1
    assert _wait_for(lambda: not _is_alive(workers[0]))


def test_the_first_worker_leaves_an_interrupt_to_its_parent(tmp_path):
    script = tmp_path / "first.py"
    script.write_text(FIRST_WORKER)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, script], env=environment, **TEXT).stdout == "True\n"


def _wait_for(condition, seconds=HANG_SECONDS):
    deadline = time.monotonic() + seconds
    while not (result := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return result


def _find_workers(parent):
    output = subprocess.run(
        ["ps", "-eww", "-o", "pid=", "-o", "ppid=", "-o", "args="], **TEXT
    ).stdout
    rows = (line.split(maxsplit=2) for line in output.splitlines())
    return [
        int(pid) for pid, parent_id, words in rows if int(parent_id) == parent and SPAWNED in words
    ]


def _is_alive(process):
    stat = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], **TEXT).stdout.strip()
    return bool(stat) and not stat.startswith("Z")


def test_unusable_engines_are_rejected(monkeypatch):
    with pytest.raises(InputError, match="at least one worker is needed, but got workers=-1"):
        make_engine("local", -1)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"\"\.\[ray\]\"\. Or use engine=make_engine"):
        make_engine("ray")
