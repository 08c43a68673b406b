"""The interface of an engine, which runs a function on many tasks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

EngineName = Literal["inline", "local", "ray"]
Task = TypeVar("Task")
Result = TypeVar("Result")


class Engine(ABC):
    """Runs every task with one thread, so that results do not depend on the engine."""

    @abstractmethod
    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
        """Return the function's result for each task, in the order of the tasks.

        Args:
            function: importable in other processes and free of state between tasks.
            tasks: arguments of the calls, one each.

        Raises:
            InputError: a worker process was lost. Exceptions of the function are raised unchanged.
        """
