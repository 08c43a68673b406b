"""The engine that runs tasks on a Ray cluster."""

import logging
import pickle
from collections.abc import Callable, Sequence
from typing import Any

from revin_forecast.errors import InputError, format_install_command
from revin_forecast.parallel.engine import Engine, Result, Task
from revin_forecast.parallel.worker import (
    ENVIRONMENT_VARIABLES,
    pickle_task,
    pythonpath_variable,
    run_pickled,
)
from revin_forecast.utils.progress import progress


class RayEngine(Engine):
    """Workers of a Ray cluster, with one core each.

    Args:
        address: address of the cluster, as for `ray.init`; by default the cluster that this
            process is connected to, otherwise a cluster started on this machine and shut down
            after the work.

    Raises:
        InputError: Ray is not installed.
    """

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

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
        """Return each task's result; Ray retries the task of a lost worker."""
        ray = self.ray
        # Leave the caller's connection open; shut down only a connection made here.
        needs_connection = not ray.is_initialized()
        if needs_connection:
            self._connect()
        try:
            return self._map(function, tasks)
        finally:
            if needs_connection:
                ray.shutdown()

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

    def _map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
        from ray.exceptions import OutOfMemoryError, RayTaskError, WorkerCrashedError

        environment = {"env_vars": {**ENVIRONMENT_VARIABLES, **pythonpath_variable()}}
        remote: Any = self.ray.remote(num_cpus=1, runtime_env=environment)(run_pickled)
        try:
            references = [remote.remote(pickle_task(function, task)) for task in tasks]
            results = []
            with progress("forecasting", len(tasks), "parts") as advance:
                for reference in references:
                    results.append(pickle.loads(self.ray.get(reference)))
                    advance()
            return results
        except RayTaskError as error:
            raise error.cause from error  # the exception of the function itself
        except (WorkerCrashedError, OutOfMemoryError) as error:
            raise InputError(
                "a Ray worker was lost repeatedly, perhaps for want of memory. Give the cluster "
                "more memory per core, or use the engine local."
            ) from error
