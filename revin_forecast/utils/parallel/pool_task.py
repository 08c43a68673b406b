"""A task in a pool of worker processes, and the errors of the pool."""

import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class PoolStoppedError(Exception):
    """The pool was stopped before the task ended."""


class PoolUnusableError(Exception):
    """No process could be prepared; the cause is the reason."""

    @classmethod
    def because(cls, reason: BaseException) -> "PoolUnusableError":
        """Return the error with its cause."""
        error = cls(str(reason))
        error.__cause__ = reason
        return error


OnPoolReport = Callable[["PoolTask", Any], None]


class PoolTask(Future[Any]):
    """A task in a pool, and the future of its result.

    Args:
        pickled: the task as bytes.
        seconds: time limit; None: none.
        on_report: receives the task and an event of it, in a thread of the pool.
    """

    def __init__(self, pickled: bytes, seconds: float | None, on_report: OnPoolReport):
        super().__init__()
        self.pickled, self.seconds, self.on_report = pickled, seconds, on_report
        self.start_count = 0
        self.deadline = math.inf

    def set_limit(self, seconds: float | None) -> None:
        """Kill the worker in some seconds, unless the task ends or the limit is set again."""
        self.deadline = math.inf if seconds is None else time.monotonic() + seconds

    def fail(self, error: BaseException) -> None:
        """Set an error, unless the task has ended or was cancelled."""
        if not self.done():
            self.set_exception(error)
