"""The interface of an engine, which runs a function on many tasks."""

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Generic, Literal, TypeVar

from revin_forecast.errors import InputError
from revin_forecast.utils.progress import progress

EngineName = Literal["inline", "local", "ray"]
Task = TypeVar("Task")
Result = TypeVar("Result")
Report = Callable[[Any], object]
"""Sends an event from a running task to the process that started it."""
OnReport = Callable[[Any, Any], float | None]
"""Receives a task and its event; returns the seconds in which the next one must follow, if any."""


class WorkerLostError(Exception):
    """A worker ended before its task; the message says how.

    Args:
        message: how it ended.
        exit_code: exit code of its process, or minus the signal that killed it; None if unknown.
    """

    def __init__(self, message: str, exit_code: int | None = None):
        super().__init__(message)
        self.exit_code = exit_code


class WorkerOverdueError(WorkerLostError):
    """A worker was killed because its task exceeded a time limit."""


class SpoiledWorkerError(Exception):
    """Raised by a task that recorded its failure but leaves its process unfit for other tasks.

    An exception that interrupts an import, for example, leaves half a module behind. The process is
    replaced; the caller decides what follows.
    """


@dataclass(frozen=True, eq=False)
class Outcome(Generic[Task, Result]):
    """The end of a task."""

    task: Task
    """The task as it was taken from the queue."""
    result: Result | None = None
    """Result of the function; None after an error."""
    error: BaseException | None = None
    """Exception of the function (a `SpoiledWorkerError` among them), or `WorkerLostError`."""


def ignore_report(task: Any, event: Any) -> None:
    """Ignore an event; no time limit follows from it."""


class Engine(ABC):
    """Runs every task with one thread, so that results do not depend on the engine."""

    has_worker_processes: ClassVar[bool] = True
    """Whether the workers are other processes, which leave this one free for other work."""
    lost_worker_message: ClassVar[str] = ""
    """Message about a lost worker: causes and remedies."""
    map_attempts: ClassVar[int] = 1
    """Workers that `map` gives a task before it reports that they were lost."""

    @abstractmethod
    def run(
        self,
        function: Callable[[Task, Report], Result],
        queue: deque[Task],
        on_report: OnReport = ignore_report,
    ) -> Generator[Outcome[Task, Result], None, None]:
        """Yield the outcome of each task when it ends, until the queue is empty.

        A lost worker ends its own task only: another worker replaces it and the other tasks go on.
        So does a task that raises `SpoiledWorkerError`. The caller decides what follows. It may add
        tasks to the queue after each outcome, for example the lost one again. Closing the iterator
        kills the workers at once.

        Args:
            function: importable in other processes and free of state between tasks.
            queue: the tasks in the order of their start; running tasks are removed from it.
            on_report: receives the events of the tasks, in this process.
        """

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
        """Return the function's result for each task, in the order of the tasks.

        Args:
            function: importable in other processes and free of state between tasks.
            tasks: arguments of the calls, one each.

        Raises:
            InputError: a worker process was lost. Exceptions of the function are raised unchanged.
        """
        results: dict[int, Any] = {}
        losses: Counter[int] = Counter()
        queue = deque(enumerate(tasks))
        outcomes = self.run(partial(_call_with_task, function), queue)
        # Closed on an error or an interrupt, which kills the workers.
        with closing(outcomes), progress("forecasting", len(tasks), "parts") as advance:
            for outcome in outcomes:
                number = outcome.task[0]
                if isinstance(outcome.error, WorkerLostError):
                    losses[number] += 1
                    if losses[number] == self.map_attempts:
                        raise InputError(self.lost_worker_message) from outcome.error
                    queue.appendleft(outcome.task)
                    continue
                if outcome.error is not None:
                    raise outcome.error
                results[number] = outcome.result
                advance()
        return [results[number] for number in range(len(tasks))]


def _call_with_task(
    function: Callable[[Any], Any], numbered_task: tuple[int, Any], _: Report
) -> Any:
    return function(numbered_task[1])
