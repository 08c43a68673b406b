"""A pool of worker processes; a lost one is replaced at once, while the others go on."""

import atexit
import math
import pickle
import time
from collections import deque
from collections.abc import Callable, Mapping
from threading import Condition, Event, Thread
from typing import Any

from revin_forecast.utils.parallel.engine import (
    SpoiledWorkerError,
    WorkerLostError,
    WorkerOverdueError,
)
from revin_forecast.utils.parallel.pool_slot import PoolSlot
from revin_forecast.utils.parallel.pool_task import (
    OnPoolReport,
    PoolStoppedError,
    PoolTask,
    PoolUnusableError,
)
from revin_forecast.utils.parallel.process import WorkerProcess
from revin_forecast.utils.parallel.worker import DONE, ENVIRONMENT_VARIABLES, FAILED, REPORT

LOAD_SECONDS = 120.0
"""Time for a process to import everything and to prepare itself."""
MAX_PAUSE_SECONDS = 60.0
"""Longest pause after a process could not be prepared: two seconds at first, then twice as long."""
WATCH_SECONDS = 0.1
"""Time between two looks at the processes: for idle ones that ended, and for time limits."""
MAX_STARTS = 2
"""Most processes that are given a task, where the first one ended before it began the task."""
MAX_LOADS = 3
"""Most processes in succession that are killed from outside while they prepare themselves."""


# Why not a library, measured in November 2026: a pool of pebble 5.2 breaks when an idle process is
# killed, and waits for ever when one is killed while it reads a task, as all its processes share
# one pipe and its lock. deadpool-executor replaces an idle process only when the next task comes.
# loky and concurrent.futures fail the tasks of all processes when one is lost.
class ProcessPool:
    """Worker processes that prepare themselves once and then run one task at a time.

    Each process has a pipe of its own and a thread here that waits for it. Nothing is shared, such
    as a queue with a lock, that a killed process could leave locked or half read.

    Args:
        size: number of processes.
        prepare: runs in each process, before its first task. It returns the function for the tasks,
            `function(task, report)`, and a description of the state it prepared.
        environment: environment variables of the processes.
        on_loss: receives a message when a process is lost and replaced.
    """

    def __init__(
        self,
        size: int,
        prepare: Callable[[], tuple[Callable[..., Any], Any]],
        environment: Mapping[str, str] = ENVIRONMENT_VARIABLES,
        on_loss: Callable[[str], None] = lambda message: None,
    ):
        self._pickled_prepare = pickle.dumps(prepare)
        self._environment, self._on_loss = environment, on_loss
        self._changed = Condition()
        self._queue: deque[PoolTask] = deque()
        self._stopped = Event()
        self._description: list[Any] = []
        self.slots = [PoolSlot() for _ in range(size)]
        self._threads = [Thread(target=self._watch, daemon=True)]
        self._threads += [
            Thread(target=self._keep_process, args=(slot,), daemon=True) for slot in self.slots
        ]
        # The interpreter would wait for the processes for ever.
        atexit.register(self.stop)
        for thread in self._threads:
            thread.start()

    @property
    def has_ready_process(self) -> bool:
        """Whether at least one process is prepared, idle or not."""
        return any(slot.is_ready for slot in self.slots)

    @property
    def ready_count(self) -> int:
        """Number of processes that are prepared, idle or not."""
        return sum(slot.has_ready_process for slot in self.slots)

    @property
    def waiting_count(self) -> int:
        """Number of tasks that wait for a process."""
        return len(self._queue)

    def wait_until_ready(self) -> Any:
        """Wait until a process is prepared; return its description.

        Raises:
            WorkerLostError: all processes ended before.
            Exception: an exception of `prepare`.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self.has_ready_process or self._failure or self._stopped.is_set()
            )
            if self._failure:
                raise self._failure
            if self._stopped.is_set():
                raise PoolStoppedError
            return self._description[0]

    def submit(
        self,
        task: Any,
        seconds: float | None = None,
        on_report: OnPoolReport = lambda task, event: None,
    ) -> PoolTask:
        """Queue a task for the next idle process.

        The future fails with an exception of the function, `WorkerLostError`, `WorkerOverdueError`,
        `PoolUnusableError` or `PoolStoppedError`.

        Args:
            task: the task, which is pickled now.
            seconds: time limit from the moment when a process is given the task.
            on_report: receives the returned object and an event of the task, in a thread of the
                pool.
        """
        # Plain bytes copy tensors; torch's own way would share them through open files.
        submitted = PoolTask(pickle.dumps(task), seconds, on_report)
        with self._changed:
            if self._stopped.is_set():
                submitted.fail(PoolStoppedError())
            elif self._failure:
                submitted.fail(PoolUnusableError.because(self._failure))
            else:
                self._queue.append(submitted)
                self._changed.notify_all()
        return submitted

    def stop(self) -> None:
        """Kill all processes, even during a task; tasks that have not ended fail."""
        atexit.unregister(self.stop)
        with self._changed:
            self._stopped.set()
            self._fail_queue(PoolStoppedError())
            self._changed.notify_all()
        for slot in self.slots:
            if slot.process is not None:
                slot.process.kill()
        for thread in self._threads:
            thread.join()

    @property
    def _failure(self) -> BaseException | None:
        """The reason why no process can be prepared; None if one is, or is still tried."""
        failures = [slot.failure for slot in self.slots]
        return None if None in failures else failures[0]

    def _fail_queue(self, error: BaseException) -> None:
        while self._queue:
            self._queue.popleft().fail(error)

    def _watch(self) -> None:
        """Kill overdue processes and wake the threads of idle ones that ended."""
        while not self._stopped.wait(WATCH_SECONDS):
            for slot in self.slots:
                process, task = slot.process, slot.task
                deadline = slot.load_deadline if task is None else task.deadline
                if process is not None and time.monotonic() > deadline:
                    process.kill_overdue()
            with self._changed:
                self._changed.notify_all()

    def _keep_process(self, slot: PoolSlot) -> None:
        """Keep one process running and give it tasks until the pool is stopped."""
        while not self._stopped.is_set():
            try:
                self._load_process(slot)
            except Exception as error:
                if slot.process is not None:
                    slot.process.end()
                self._set_failure(slot, error)
                slot.failure_count += 1
                self._stopped.wait(min(2.0 ** min(slot.failure_count, 9), MAX_PAUSE_SECONDS))
                continue
            try:
                while task := self._next_task(slot):
                    self._run_task(slot, task)
            except WorkerLostError as error:
                slot.is_ready = False
                if not self._stopped.is_set():
                    slot.loss_count += 1
                    self._on_loss(f"{error}; starting another one")
        if slot.process is not None:
            slot.process.end()

    def _load_process(self, slot: PoolSlot) -> None:
        """Start a process and wait until it is prepared."""
        kind, value = self._start_process(slot)
        slot.load_deadline = math.inf
        if kind == FAILED:
            raise value
        with self._changed:
            self._description = self._description or [value]
            if value != self._description[0]:
                raise ValueError("it prepared another state than the first process")
            slot.is_ready, slot.failure, slot.failure_count = True, None, 0
            self._changed.notify_all()

    def _start_process(self, slot: PoolSlot) -> tuple[bytes, Any]:
        """Start a process and return its first message; try again if it is killed meanwhile."""
        attempt = 0
        while True:
            attempt += 1
            if slot.process is not None:
                slot.process.end()
            slot.load_deadline = time.monotonic() + LOAD_SECONDS
            process = slot.process = WorkerProcess(self._pickled_prepare, self._environment)
            if self._stopped.is_set():  # `stop` may have come before the process
                process.kill()
            try:
                return process.receive()
            except WorkerOverdueError:
                message = f"{process.name} took over {LOAD_SECONDS:g} seconds to load"
                raise WorkerLostError(message) from None
            except WorkerLostError:
                if attempt == MAX_LOADS or not process.was_killed or self._stopped.is_set():
                    raise

    def _set_failure(self, slot: PoolSlot, error: Exception) -> None:
        if self._description and not self._stopped.is_set():
            self._on_loss(f"{WorkerProcess.name} can't be started: {error}")
        with self._changed:
            slot.failure = error
            if self._failure:
                self._fail_queue(PoolUnusableError.because(self._failure))
            self._changed.notify_all()

    def _next_task(self, slot: PoolSlot) -> PoolTask | None:
        """Wait for a task; return None once the pool is stopped.

        Raises:
            WorkerLostError: the idle process ended.
        """
        process = slot.process
        assert process is not None  # started by _load_process
        with self._changed:
            while True:
                self._changed.wait_for(
                    lambda: self._queue or self._stopped.is_set() or process.has_ended
                )
                if self._stopped.is_set():
                    return None
                if process.has_ended:
                    raise WorkerLostError(process.describe_end())
                task = self._queue.popleft()
                # False for a task that was cancelled while it waited.
                if task.running() or task.set_running_or_notify_cancel():
                    slot.task = task
                    return task

    def _run_task(self, slot: PoolSlot, task: PoolTask) -> None:
        """Give a task to the process and set its outcome.

        Raises:
            WorkerLostError: the process ended, or the task has spoiled it.
        """
        process = slot.process
        assert process is not None  # started by _load_process
        task.set_limit(task.seconds)
        task.start_count += 1
        has_started = False
        try:
            process.send(task.pickled)
            process.receive()  # STARTED: from here on, the task may be why the process ends
            has_started = True
            while (message := process.receive())[0] == REPORT:
                task.on_report(task, message[1])
        except WorkerLostError as error:
            is_innocent = not has_started and not isinstance(error, WorkerOverdueError)
            with self._changed:
                if self._stopped.is_set():
                    task.fail(PoolStoppedError())
                elif is_innocent and task.start_count < MAX_STARTS:
                    self._queue.appendleft(task)
                    self._changed.notify_all()
                else:
                    task.fail(error)
            raise
        except Exception as error:  # the result can't be restored in this process
            task.fail(error)
            process.kill()
            raise WorkerLostError(process.describe_end()) from error
        finally:
            slot.task = None
        (task.set_result if message[0] == DONE else task.set_exception)(message[1])
        if isinstance(message[1], SpoiledWorkerError):
            raise WorkerLostError(f"{process.name} is replaced: {message[1]}")
