import multiprocessing
import os
import time
from collections import Counter, deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from revin_forecast.engines.workers import begin, environment
from revin_forecast.errors import InputError
from revin_forecast.shift.engines.base import ATTEMPTS, Assignment, Engine
from revin_forecast.shift.failures import give_up
from revin_forecast.shift.job import Job, Tell
from revin_forecast.shift.work import execute

POLL = 0.5
BUSY = 0.5
"""Seconds of rest after a run that another process is at, before the next is looked at."""


class LocalEngine(Engine):
    """Processes on this machine, spawned, each with one thread.

    Args:
        workers: processes.

    Raises:
        InputError: fewer than one.
    """

    def __init__(self, workers: int = 2):
        if workers < 1:
            raise InputError(f"at least one worker is needed, but got workers={workers}.")
        self.workers = workers

    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Do all jobs, in this order as workers come free."""
        queue = deque(jobs)
        crew = [_Worker() for _ in range(min(self.workers, len(jobs)))]
        deaths: Counter[str] = Counter()
        try:
            while queue or any(worker.assignment for worker in crew):
                for worker in crew:
                    if worker.assignment is None and queue:
                        worker.give(queue.popleft())
                self._listen(crew, queue, deaths, tell)
        finally:
            for worker in crew:
                worker.end()

    def _listen(
        self, crew: list["_Worker"], queue: deque[Job], deaths: Counter[str], tell: Tell
    ) -> None:
        busy = {worker.connection: worker for worker in crew if worker.assignment}
        for connection in wait(list(busy), timeout=POLL):
            worker = busy[connection]  # pyright: ignore[reportArgumentType]
            assignment = worker.assignment
            assert assignment is not None
            try:
                message = worker.connection.recv()
            except (EOFError, ConnectionResetError):
                code = worker.end()
                _after_death(assignment, f"the worker died (exit code {code})", queue, deaths)
                crew[crew.index(worker)] = _Worker()
                continue
            if isinstance(message, bool):
                worker.assignment = None
                if not message:  # another process is at it
                    queue.append(assignment.job)
                    time.sleep(BUSY)
            else:
                assignment.note(message)
                tell(message)
        for number, worker in enumerate(crew):
            if worker.assignment is not None and worker.assignment.overdue:
                worker.end()
                limit = f"hung longer than {worker.assignment.job.timeout:g} s and was killed"
                _after_death(worker.assignment, limit, queue, deaths)
                crew[number] = _Worker()


def _after_death(
    assignment: Assignment, error: str, queue: deque[Job], deaths: Counter[str]
) -> None:
    """Put the lost unit on record and give the rest of its job out again."""
    label = assignment.job.run.label
    deaths[label] += 1
    recorded = assignment.fail(error)
    if deaths[label] < ATTEMPTS:
        queue.appendleft(assignment.job)
    elif recorded:
        give_up(assignment.job, f"not tried: this run's models ended {ATTEMPTS} workers")
    else:
        raise RuntimeError(f"{assignment.told}: {error}, {ATTEMPTS} times, before it began.")


class _Worker:
    """A process that does one job after the other."""

    def __init__(self):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(theirs,), daemon=True)
        with environment():
            self.process.start()
        theirs.close()
        self.assignment: Assignment | None = None

    def give(self, job: Job) -> None:
        """Hand over a job."""
        self.assignment = Assignment(job)
        self.connection.send(job)

    def end(self) -> int | None:
        """Kill the process; return its exit code."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        return self.process.exitcode


def _serve(connection: Connection) -> None:
    """Do jobs until the connection ends, as it does with its parent."""
    begin(os.getppid())
    import torch

    torch.set_num_threads(1)
    while True:
        try:
            job = connection.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            connection.send(execute(job, connection.send))
        except (KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
            return  # the parent is gone, or about to be
