"""The engine that runs tasks in this process."""

from collections.abc import Callable, Sequence

import torch

from revin_forecast.parallel.engine import Engine, Result, Task
from revin_forecast.utils.progress import progress


class InlineEngine(Engine):
    """Runs tasks in this process, one after the other."""

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
        """Return each task's result, computed with one torch thread as in a worker process."""
        # Sums depend on the number of threads; one thread gives the results of the other engines.
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            results = []
            with progress("forecasting", len(tasks), "parts") as advance:
                for task in tasks:
                    results.append(function(task))
                    advance()
            return results
        finally:
            torch.set_num_threads(threads)
