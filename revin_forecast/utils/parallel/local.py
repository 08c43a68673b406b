"""The engine that runs tasks in worker processes on this machine."""

from collections import deque
from collections.abc import Callable, Generator
from functools import partial
from queue import SimpleQueue
from typing import Any

from revin_forecast.errors import InputError
from revin_forecast.utils.parallel.engine import (
    Engine,
    OnReport,
    Outcome,
    Report,
    Result,
    Task,
    ignore_report,
)
from revin_forecast.utils.parallel.pool import ProcessPool
from revin_forecast.utils.parallel.pool_task import PoolTask, PoolUnusableError
from revin_forecast.utils.parallel.worker import use_one_thread


class LocalEngine(Engine):
    """Spawned worker processes on this machine, with one thread each.

    Args:
        workers: number of processes.

    Raises:
        InputError: fewer than one worker.
    """

    lost_worker_message = (
        "a worker process was lost, for want of memory or because a script starts workers without "
        "`if __name__ == '__main__':`. Add that, use fewer workers, or use the engine inline."
    )

    def __init__(self, workers: int):
        if workers < 1:
            raise InputError(f"at least one worker is needed, but got workers={workers}.")
        self.workers = workers

    def run(
        self,
        function: Callable[[Task, Report], Result],
        queue: deque[Task],
        on_report: OnReport = ignore_report,
    ) -> Generator[Outcome[Task, Result], None, None]:
        """Yield the outcome of each task as it ends; closing the iterator kills the workers."""
        if not queue:
            return
        size = min(self.workers, len(queue))
        # The pool's threads only put entries here: events and outcomes are handled by this thread.
        messages: SimpleQueue[tuple[Task, PoolTask, list[Any]]] = SimpleQueue()
        pool = ProcessPool(size, partial(_prepare_worker, function))
        running = 0
        try:
            while queue or running:
                while queue and running < size:
                    _submit_task(pool, queue.popleft(), messages)
                    running += 1
                task, submitted, events = messages.get()
                if events:
                    submitted.set_limit(on_report(task, events[0]))
                    continue
                running -= 1
                error = submitted.exception()
                if isinstance(error, PoolUnusableError):
                    error = error.__cause__
                yield Outcome(task, None if error else submitted.result(), error)
        finally:
            pool.stop()


def _submit_task(
    pool: ProcessPool, task: Any, messages: SimpleQueue[tuple[Any, PoolTask, list[Any]]]
) -> None:
    """Submit a task whose events, and finally whose end, are put into the messages."""
    submitted = pool.submit(
        task, on_report=lambda submitted, event: messages.put((task, submitted, [event]))
    )
    submitted.add_done_callback(lambda _: messages.put((task, submitted, [])))


def _prepare_worker(function: Callable[..., Any]) -> tuple[Callable[..., Any], None]:
    use_one_thread()
    return function, None
