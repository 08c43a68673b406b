"""The engine that runs tasks on a Ray cluster."""

import logging
import os
import pickle
import time
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

from revin_forecast.errors import InputError, format_install_command
from revin_forecast.utils.parallel.engine import (
    Engine,
    OnReport,
    Outcome,
    Report,
    Result,
    SpoiledWorkerError,
    Task,
    WorkerLostError,
    WorkerOverdueError,
    ignore_report,
)
from revin_forecast.utils.parallel.worker import (
    ENVIRONMENT_VARIABLES,
    pythonpath_variable,
    use_one_thread,
)

POLL_SECONDS = 0.5
"""Time between two looks at the events of running tasks."""
SPOILED = "spoiled"
"""Event of a task that leaves its process unfit for others, which therefore exits."""


class RayEngine(Engine):
    """Workers of a Ray cluster, with one core each.

    Args:
        address: address of the cluster, as for `ray.init`; by default the cluster that this
            process is connected to, otherwise a cluster started on this machine and shut down
            after the work.

    Raises:
        InputError: Ray is not installed.
    """

    lost_worker_message = (
        "a Ray worker was lost repeatedly, perhaps for want of memory. Give the cluster more "
        "memory per core, or use the engine local."
    )
    map_attempts = 4  # nodes come and go

    def __init__(self, address: str | None = None):
        try:
            import ray
        except ModuleNotFoundError as error:
            raise InputError(
                "the ray engine needs a package that is not installed: "
                f"{format_install_command('ray')}. Or use --engine local."
            ) from error
        self.ray = ray
        self.address = address

    def run(
        self,
        function: Callable[[Task, Report], Result],
        queue: deque[Task],
        on_report: OnReport = ignore_report,
    ) -> Generator[Outcome[Task, Result], None, None]:
        """Yield the outcome of each task as it ends; closing the iterator cancels the others."""
        # Leave the caller's connection open; shut down only a connection made here.
        needs_connection = not self.ray.is_initialized()
        if needs_connection:
            self._connect()
        try:
            yield from self._run_connected(function, queue, on_report)
        finally:
            if needs_connection:
                self.ray.shutdown()

    def _connect(self) -> None:
        try:
            self.ray.init(
                address=self.address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False,
            )
        except ConnectionError as error:
            raise InputError(
                f"no Ray cluster answers: {error}. Start one, or check RAY_ADDRESS."
            ) from error

    def _run_connected(
        self, function: Callable[..., Any], queue: deque[Any], on_report: OnReport
    ) -> Generator[Outcome[Any, Any], None, None]:
        ray = self.ray
        # The actor takes no core: on a small cluster it would keep one from the workers.
        wants_events = on_report is not ignore_report
        events: Any = ray.remote(num_cpus=0)(_EventList).remote() if wants_events else None
        environment = {"env_vars": {**ENVIRONMENT_VARIABLES, **pythonpath_variable()}}
        # No retries by Ray: the caller decides what follows on a lost worker.
        remote: Any = ray.remote(max_retries=0, num_cpus=1, runtime_env=environment)(_run_task)
        running: dict[Any, _RunningTask] = {}
        count = 0
        try:
            while queue or running:
                while queue:  # all of them: a cluster may grow with the number that waits
                    task = queue.popleft()
                    # Plain bytes copy tensors; Ray's own way may share them.
                    reference = remote.remote(pickle.dumps((function, task)), count, events)
                    running[reference] = _RunningTask(count, task)
                    count += 1
                done, _ = ray.wait(list(running), timeout=POLL_SECONDS)
                if wants_events:
                    self._handle_events(running, ray.get(events.pop_all.remote()), on_report)
                for reference in done:
                    yield self._outcome(reference, running.pop(reference))
        finally:
            for reference in running:
                ray.cancel(reference, force=True)

    def _handle_events(
        self, running: dict[Any, "_RunningTask"], events: list[Any], on_report: OnReport
    ) -> None:
        """Hand events on, and cancel the tasks whose time limit is over."""
        by_number = {task.number: task for task in running.values()}
        for number, event in events:
            if (task := by_number.get(number)) is None:
                continue
            if event == SPOILED:
                task.is_spoiled = True
            else:
                task.set_limit(on_report(task.task, event))
        for reference, task in running.items():
            if task.is_overdue:
                self.ray.cancel(reference, force=True)

    def _outcome(self, reference: Any, task: "_RunningTask") -> Outcome[Any, Any]:
        from ray.exceptions import (
            OutOfMemoryError,
            RayTaskError,
            TaskCancelledError,
            WorkerCrashedError,
        )

        try:
            return Outcome(task.task, pickle.loads(self.ray.get(reference)))
        except RayTaskError as error:
            return Outcome(task.task, error=error.cause)  # the exception of the function itself
        except (WorkerCrashedError, OutOfMemoryError, TaskCancelledError) as error:
            if task.is_spoiled:
                return Outcome(task.task, error=SpoiledWorkerError("the Ray worker has exited"))
            error_class = WorkerOverdueError if task.is_overdue else WorkerLostError
            return Outcome(task.task, error=error_class(type(error).__name__))


class _RunningTask:
    """A task that was given to the cluster, and the end of its time limit."""

    def __init__(self, number: int, task: Any):
        self.number, self.task = number, task
        self.deadline = float("inf")
        self.is_spoiled = False

    def set_limit(self, seconds: float | None) -> None:
        self.deadline = float("inf") if seconds is None else time.monotonic() + seconds

    @property
    def is_overdue(self) -> bool:
        return time.monotonic() > self.deadline


class _EventList:
    """An actor that collects the events of all workers."""

    def __init__(self):
        self.events: list[tuple[int, Any]] = []

    def add(self, number: int, event: Any) -> None:
        """Append an event of a task."""
        self.events.append((number, event))

    def pop_all(self) -> list[tuple[int, Any]]:
        """Return the events since the last call."""
        events, self.events = self.events, []
        return events


def _run_task(pickled: bytes, number: int, events: Any) -> bytes:
    """Run a task; return its pickled result."""
    import ray

    function, task = pickle.loads(pickled)
    use_one_thread()

    def report(event: Any) -> None:
        if events is not None:
            # Waits until it has arrived: the next step of the task may end this process.
            ray.get(events.add.remote(number, event))

    try:
        return pickle.dumps(function(task, report))
    except SpoiledWorkerError:
        if events is None:
            raise
        report(SPOILED)
        os._exit(0)  # Ray gives the next task of this process to another one
