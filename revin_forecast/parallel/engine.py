"""The contract of an engine, which runs a function on many tasks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

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
