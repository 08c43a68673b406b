"""Lost workers of a pool are replaced in the background while the other ones go on."""

import os
import pickle
import signal
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import pytest

from revin_forecast.utils.parallel.engine import (
    SpoiledWorkerError,
    WorkerLostError,
    WorkerOverdueError,
)
from revin_forecast.utils.parallel.pool import ProcessPool
from revin_forecast.utils.parallel.pool_task import PoolStoppedError, PoolUnusableError
from tests.support.limits import HANG_SECONDS
from tests.support.warm_programs import CONTEXT

ENDLESS_SECONDS = 3600.0


@pytest.fixture(autouse=True)
def start_processes_warm(monkeypatch):
    """Start processes in a moment; tests/utils/parallel/test_local.py starts cold ones."""
    warm = SimpleNamespace(get_context=lambda _: CONTEXT)
    monkeypatch.setattr("revin_forecast.utils.parallel.process.multiprocessing", warm)


class UnrestorableError(Exception):
    """An exception that can't be unpickled, as its constructor needs two arguments."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def run_task(task, report):
    """Do what a task says; return the process id of the worker."""
    kind, *values = task if isinstance(task, tuple) else (task,)
    if kind == "sleep":
        time.sleep(values[0])
    elif kind == "exit":
        os._exit(values[0])
    elif kind == "report":
        for value in values:
            report(value)
    elif kind == "raise":
        raise UnrestorableError("a", "b")
    elif kind == "interrupt":
        raise KeyboardInterrupt
    elif kind == "spoil":
        raise SpoiledWorkerError(str(os.getpid()))
    elif kind == "lambda":
        return lambda: None
    elif kind == "outputs":
        return os.path.sameopenfile(1, 2)
    return os.getpid()


def prepare(gate=None):
    """Prepare a process; the third one and later ones wait until a folder named "open" exists."""
    if gate is not None:
        (gate / str(os.getpid())).mkdir()
        while len(list(gate.iterdir())) > 2 and not (gate / "open").exists():
            time.sleep(0.01)
    return run_task, "prepared"


def prepare_or_fail(folder):
    if (folder / "broken").exists():
        raise ValueError("this folder is broken")
    return run_task, (folder / "state").exists()


@contextmanager
def open_pool(size, prepare=prepare, **options):
    pool = ProcessPool(size, prepare, **options)
    try:
        yield pool
    finally:
        pool.stop()


def wait_for(condition):
    deadline = time.monotonic() + HANG_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_tasks_wait_for_no_process_that_is_loading(tmp_path):
    messages = []
    with open_pool(2, partial(prepare, tmp_path), on_loss=messages.append) as pool:
        wait_for(lambda: all(slot.is_ready for slot in pool.slots))
        lost, kept = (slot.process.process.pid for slot in pool.slots)
        os.kill(lost, signal.SIGKILL)
        # An idle process is replaced without a task, and tasks go to the other one meanwhile.
        results = [pool.submit("work").result(HANG_SECONDS) for _ in range(5)]
        assert set(results) == {kept}
        wait_for(lambda: len(list(tmp_path.iterdir())) == 3)
        assert [slot.is_ready for slot in pool.slots] == [False, True]
        (tmp_path / "open").mkdir()
        wait_for(lambda: pool.slots[0].is_ready)
    assert messages == ["a worker process ended (exit code -9, Killed); starting another one"]


def test_a_process_that_is_killed_while_it_reads_a_task_harms_no_task():
    with open_pool(2) as pool:
        wait_for(lambda: all(slot.is_ready for slot in pool.slots))
        for slot in pool.slots:
            os.kill(slot.process.process.pid, signal.SIGSTOP)
        large = pool.submit(("large", b"x" * 1_000_000))  # more than the pipe's buffer
        wait_for(lambda: any(slot.task is large for slot in pool.slots))
        small = pool.submit("small")
        wait_for(lambda: any(slot.task is small for slot in pool.slots))
        victim, survivor = (
            slot.process.process.pid
            for slot in sorted(pool.slots, key=lambda slot: slot.task is small)
        )
        os.kill(victim, signal.SIGKILL)
        os.kill(survivor, signal.SIGCONT)
        assert small.result(HANG_SECONDS) == survivor
        assert large.result(HANG_SECONDS) != victim


def test_each_failure_belongs_to_its_task():
    with open_pool(2) as pool:
        tasks = [("exit", 3), ("sleep", ENDLESS_SECONDS), ("raise",), ("lambda",), ("sleep", 0)]
        limits = [None, 0.2, None, None, None]
        submitted = [pool.submit(*pair) for pair in zip(tasks, limits, strict=True)]
        wait(submitted, HANG_SECONDS)
        lost, overdue, error, unpicklable, result = (
            task.exception() or task.result() for task in submitted
        )
        assert isinstance(lost, WorkerLostError)
        assert str(lost) == "a worker process ended (exit code 3)"
        assert isinstance(overdue, WorkerOverdueError)
        assert str(overdue) == "a worker process exceeded a time limit and was killed"
        assert str(error).startswith("UnrestorableError: a and b\nTraceback of the worker:")
        assert "pickle" in str(unpicklable)
        assert isinstance(result, int)
        with pytest.raises((AttributeError, pickle.PicklingError)):
            pool.submit(lambda: None)


def test_a_process_that_a_task_has_spoiled_runs_no_other():
    with open_pool(1) as pool:
        submitted = [pool.submit(task) for task in ("work", ("spoil",), "work", "work")]
        first, spoiled, *others = (
            task.exception(HANG_SECONDS) or task.result() for task in submitted
        )
        assert isinstance(spoiled, SpoiledWorkerError)
        assert str(spoiled).startswith(str(first))
        assert len(set(others)) == 1
        assert first not in others


def test_an_interrupt_of_a_task_ends_its_process_only():
    with open_pool(1) as pool:
        interrupted, after = pool.submit(("interrupt",)), pool.submit("work")
        error = interrupted.exception(HANG_SECONDS)
        assert isinstance(error, WorkerLostError)
        assert str(error) == "ended by KeyboardInterrupt"
        assert after.result(HANG_SECONDS)


def test_what_a_task_prints_goes_to_stderr():
    with open_pool(1) as pool:
        assert pool.submit("outputs").result(HANG_SECONDS) is True


def test_a_limit_set_for_an_event_kills_the_process():
    events = []

    def set_limit(task, event):
        events.append(event)
        task.set_limit(ENDLESS_SECONDS if event == "first" else 0.0)

    with open_pool(1) as pool:
        assert pool.submit(("report", "first"), on_report=set_limit).result(HANG_SECONDS)
        slow = pool.submit(("report", "first", *"a" * 3, "last"), on_report=set_limit)
        endless = pool.submit(("sleep", ENDLESS_SECONDS))
        endless.set_limit(0.0)  # replaced by the limit of `submit` once the task begins
        slow.exception(HANG_SECONDS)
        wait_for(endless.running)
        endless.set_limit(0.0)
        assert isinstance(endless.exception(HANG_SECONDS), WorkerOverdueError)
    assert events[:2] == ["first", "first"]


def test_a_cancelled_task_is_not_begun():
    with open_pool(1) as pool:
        busy = pool.submit(("sleep", 0.3))
        waiting = pool.submit(("exit", 3))
        assert waiting.cancel()
        assert busy.result(HANG_SECONDS) == pool.submit("work").result(HANG_SECONDS)


def test_stopping_kills_processes_and_fails_tasks():
    with open_pool(1) as pool:
        running, waiting = (pool.submit(("sleep", ENDLESS_SECONDS)) for _ in range(2))
        wait_for(running.running)
        process = pool.slots[0].process.process
        pool.stop()
        assert not process.is_alive()
        for task in (running, waiting, pool.submit("work")):
            assert isinstance(task.exception(0), PoolStoppedError)


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.5])
def test_no_process_starts_after_stopping(seconds):
    with open_pool(1) as pool, ThreadPoolExecutor(1) as threads:
        os.kill(pool.submit("work").result(HANG_SECONDS), signal.SIGKILL)
        time.sleep(seconds)
        threads.submit(pool.stop).result(HANG_SECONDS)
        last = pool.slots[0].process.process
        assert not last.is_alive()
        assert pool.slots[0].process.process is last


def test_a_process_that_prepares_another_state_gets_no_task(tmp_path, monkeypatch):
    monkeypatch.setattr("revin_forecast.utils.parallel.pool.MAX_PAUSE_SECONDS", 0.01)
    messages = []
    with open_pool(1, partial(prepare_or_fail, tmp_path), on_loss=messages.append) as pool:
        assert pool.wait_until_ready() is False
        for name, reason in (("state", "another state"), ("broken", "this folder is broken")):
            (tmp_path / name).mkdir()
            os.kill(pool.submit("work").result(HANG_SECONDS), signal.SIGKILL)
            wait_for(lambda reason=reason: any(reason in message for message in messages))
            with pytest.raises(PoolUnusableError, match=reason):
                pool.submit("work").result(HANG_SECONDS)
            (tmp_path / name).rmdir()
            wait_for(lambda: pool.has_ready_process)
    (tmp_path / "broken").mkdir()
    with (
        open_pool(2, partial(prepare_or_fail, tmp_path)) as pool,
        pytest.raises(ValueError, match="this folder is broken"),
    ):
        pool.wait_until_ready()
