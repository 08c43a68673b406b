"""The engine that runs tasks in this process."""

from collections import deque
from collections.abc import Callable, Generator
from functools import partial

from revin_forecast.utils.parallel.engine import (
    Engine,
    OnReport,
    Outcome,
    Report,
    Result,
    Task,
    ignore_report,
)
from revin_forecast.utils.threads import torch_threads


class InlineEngine(Engine):
    """Runs tasks in this process, one after the other.

    Args:
        threads: torch threads. Sums depend on their number: one thread gives the results of the
            other engines. None: as many as this process uses.
    """

    has_worker_processes = False

    def __init__(self, threads: int | None = 1):
        self.threads = threads

    def run(
        self,
        function: Callable[[Task, Report], Result],
        queue: deque[Task],
        on_report: OnReport = ignore_report,
    ) -> Generator[Outcome[Task, Result], None, None]:
        """Yield the outcome of each task.

        Nothing protects this process from a task that ends it, or that hangs in a library. After
        `SpoiledWorkerError` the other tasks run in this process all the same.
        """
        while queue:
            task = queue.popleft()
            try:
                with torch_threads(self.threads):
                    outcome = Outcome(task, function(task, partial(on_report, task)))
            except Exception as error:
                outcome = Outcome(task, error=error)
            yield outcome
