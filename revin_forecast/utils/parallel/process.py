"""A worker process as its pool sees it."""

import multiprocessing
import pickle
import signal
from collections.abc import Mapping
from multiprocessing.connection import wait
from threading import Lock
from typing import Any

from revin_forecast.utils.parallel.engine import WorkerLostError, WorkerOverdueError
from revin_forecast.utils.parallel.worker import serve_tasks, worker_environment

EXIT_SECONDS = 5.0
"""Time for a process whose pipe is closed to exit."""
_START_LOCK = Lock()
"""Held while a process starts: the environment variables are set for this whole process."""


class WorkerProcess:
    """A process that prepares itself and runs one task at a time.

    Args:
        pickled_prepare: see `serve_tasks`.
        environment: environment variables of the process.
    """

    name = "a worker process"

    def __init__(self, pickled_prepare: bytes, environment: Mapping[str, str]):
        # Spawned: the environment must be set before torch is imported, and torch's threads do not
        # survive a fork.
        context = multiprocessing.get_context("spawn")
        self.connection, child_connection = context.Pipe()
        self.process = context.Process(
            target=serve_tasks, args=(pickled_prepare, child_connection), name="worker"
        )
        with _START_LOCK, worker_environment(environment):
            self.process.start()
        # Without this copy, the pipe reports the end of the file once the process has ended.
        child_connection.close()
        self.is_overdue = False

    def send(self, message: bytes) -> None:
        """Send bytes; blocks while the process reads nothing.

        Raises:
            WorkerLostError: the process has ended.
        """
        try:
            self.connection.send_bytes(message)
        except OSError:
            raise self._lost_error() from None

    def receive(self) -> tuple[bytes, Any]:
        """Wait for a message; return its kind and its value.

        Raises:
            WorkerLostError: the process has ended.
        """
        try:
            message = self.connection.recv_bytes()
        except (EOFError, OSError):
            raise self._lost_error() from None
        return message[:1], pickle.loads(memoryview(message)[1:])

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return bool(wait([self.process.sentinel], 0))

    @property
    def was_killed(self) -> bool:
        """Whether a signal ended the process."""
        return (self.process.exitcode or 0) < 0

    def kill(self) -> None:
        """Kill the process, even during a task; this ends all waiting for its messages."""
        self.process.kill()

    def kill_overdue(self) -> None:
        """Kill the process for its time limit, unless it has ended for a reason of its own."""
        if not self.has_ended:
            self.is_overdue = True
            self.kill()

    def end(self) -> None:
        """Kill the process and release its resources."""
        self.process.kill()
        self.process.join()
        self.connection.close()

    def describe_end(self) -> str:
        """Return a message with the exit code and the signal, if any."""
        self.process.join(EXIT_SECONDS)
        code = self.process.exitcode
        by = f", {signal.strsignal(-code)}" if code is not None and code < 0 else ""
        return f"{self.name} ended (exit code {code}{by})"

    def _lost_error(self) -> WorkerLostError:
        description = self.describe_end()
        if self.is_overdue:
            return WorkerOverdueError(f"{self.name} exceeded a time limit and was killed")
        return WorkerLostError(description, self.process.exitcode)
