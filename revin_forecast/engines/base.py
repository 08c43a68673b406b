import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar, get_args

from revin_forecast.errors import InputError

EngineName = Literal["inline", "local", "ray"]
Task = TypeVar("Task")
Result = TypeVar("Result")


class Engine(ABC):
    """Does tasks with one thread each, so that results do not depend on who does them."""

    @abstractmethod
    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
        """Return the function's result for each task, in their order.

        Args:
            function: one that other processes can import, and that keeps nothing between tasks.
            tasks: what it is called with, each on its own.

        Raises:
            InputError: a worker was lost. What the function raises is raised here.
        """


def make_engine(
    name: EngineName, workers: int | None = None, address: str | None = None
) -> Engine:
    """Return an engine.

    Args:
        name: inline (this process), local (processes of this machine) or ray (a Ray cluster).
        workers: processes of the local one; None: one a core. Ray uses the cores of its cluster.
        address: of a Ray cluster; None: the one this process has, else one is started here.

    Raises:
        InputError: no such engine, no workers, or Ray is not installed.
    """
    if name not in get_args(EngineName):
        raise InputError(f"the engine is one of {list(get_args(EngineName))} but got {name!r}.")
    # Imported as they are needed: processes and Ray cost nothing to those who use neither.
    if name == "inline":
        from revin_forecast.engines.inline import InlineEngine

        return InlineEngine()
    if name == "ray":
        from revin_forecast.engines.ray import RayEngine

        return RayEngine(address)
    from revin_forecast.engines.local import LocalEngine

    return LocalEngine((os.cpu_count() or 1) if workers is None else workers)
