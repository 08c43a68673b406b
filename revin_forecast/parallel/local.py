"""The engine that runs tasks in worker processes on this machine."""

import multiprocessing
import os
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from revin_forecast.errors import InputError
from revin_forecast.parallel.engine import Engine, Result, Task
from revin_forecast.parallel.worker import init_worker, pickle_task, run_pickled, worker_environment
from revin_forecast.utils.progress import progress


class LocalEngine(Engine):
    """Spawned worker processes on this machine, with one thread each.

    Args:
        workers: number of processes.

    Raises:
        InputError: fewer than one worker.
    """

    def __init__(self, workers: int):
        if workers < 1:
            raise InputError(f"at least one worker is needed, but got workers={workers}.")
        self.workers = workers

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
        """Return each task's result; an error or an interrupt kills the workers at once."""
        if not tasks:
            return []
        unrelated = set(multiprocessing.active_children())
        pool = ProcessPoolExecutor(
            min(self.workers, len(tasks)),
            # Spawn, not fork: the environment variables must be set before torch is imported.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=init_worker,
            initargs=(os.getpid(),),
        )
        try:
            with progress("forecasting", len(tasks), "parts") as advance:
                with worker_environment():
                    futures = [
                        pool.submit(run_pickled, pickle_task(function, task)) for task in tasks
                    ]
                for future in futures:
                    future.add_done_callback(lambda _: advance())
                results = [pickle.loads(future.result()) for future in futures]
        except BaseException as error:
            # The pool has no way to stop running tasks, so kill its processes.
            for process in set(multiprocessing.active_children()) - unrelated:
                process.kill()
            pool.shutdown(cancel_futures=True)
            if isinstance(error, BrokenProcessPool):
                raise InputError(
                    "a worker process was lost, for want of memory or because a script starts "
                    "workers without `if __name__ == '__main__':`. Add that, use fewer workers, or "
                    "use the engine inline."
                ) from error
            raise
        pool.shutdown()
        return results
