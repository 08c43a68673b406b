"""Plan a suite without running a user's code in this process, where nothing could stop it."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from revin_forecast.errors import InputError
from revin_forecast.shift.runner.losses import describe_loss
from revin_forecast.shift.suite.suite import Suite
from revin_forecast.shift.suite.suite_yaml import read_suite
from revin_forecast.utils.parallel.engine import WorkerLostError, WorkerOverdueError
from revin_forecast.utils.parallel.pool import ProcessPool
from revin_forecast.utils.parallel.pool_task import PoolUnusableError

Result = TypeVar("Result")
IMPORT_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
OUR_PREFIX = "revin_forecast."


class PlanningWorker:
    """A process for a user's code in the plan, which starts with the first call.

    Args:
        seconds: time limit of a call.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._pool: ProcessPool | None = None

    def __enter__(self) -> "PlanningWorker":
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.stop()

    def call(
        self, function: Callable[..., Result], *values: object, at_most: float | None = None
    ) -> Result:
        """Return the result of a function, called in the process.

        Args:
            function: importable in another process.
            values: its arguments.
            at_most: limit in seconds with the start of the process, which a call may wait for.

        Raises:
            WorkerLostError: the call ended the process, or took too long. Another one follows.
            PoolUnusableError: no process can be started.
            TimeoutError: `at_most` is over.
            Exception: an exception of the function.
        """
        if self._pool is None:
            self._pool = ProcessPool(1, _prepare)
        return self._pool.submit((function, values), self.seconds).result(at_most)


def _prepare() -> tuple[Callable[..., Any], None]:
    # The libraries are imported here and not during the first call, whose time is limited.
    import revin_forecast.shift.runner.worker  # noqa: F401

    return _call, None


def _call(task: tuple[Callable[..., Any], tuple[object, ...]], report: object) -> Any:
    function, values = task
    return function(*values)


def read_suite_in_worker(path: str | Path, worker: PlanningWorker) -> Suite:
    """Read a suite, after a worker has imported the user's modules that it names.

    Raises:
        InputError: the suite is wrong, or a module ends its process or takes too long.
    """
    if _names_user_code(Path(path)):
        try:
            worker.call(_check_suite, path)
        except WorkerOverdueError as error:
            raise InputError(
                f"{path}: importing the classes of the suite took longer than "
                f"{worker.seconds:g} s; raise --timeout to allow more."
            ) from error
        except WorkerLostError as error:
            raise InputError(
                f"{path}: the process that imported the classes of the suite was lost: "
                f"{describe_loss(error)}. Correct the module that does so."
            ) from error
        except PoolUnusableError:  # a script without `if __name__ == "__main__":`
            pass
    return read_suite(path)


def _check_suite(path: str | Path) -> None:
    read_suite(path)


def _names_user_code(path: Path) -> bool:
    """Return whether a suite names a class outside this package; False if it can't be read."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return False
    if not isinstance(content, Mapping):
        return False
    values = [value for key, value in content.items() if key not in ("name", "datasets")]
    return any(
        IMPORT_PATH.fullmatch(text) and not text.startswith(OUR_PREFIX) for text in _texts(values)
    )


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
