import multiprocessing
import os
import time
from collections import Counter, deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from revin_forecast.errors import InputError
from revin_forecast.parallel.worker import init_worker, worker_environment
from revin_forecast.shift.runner.engine import MAX_ATTEMPTS, Assignment, JobEngine
from revin_forecast.shift.runner.job import Job, ProgressCallback
from revin_forecast.shift.runner.journal import fail_remaining
from revin_forecast.shift.runner.worker import run_job

POLL_SECONDS = 0.5
BUSY_SECONDS = 0.5
"""Seconds of rest after a run that another process is at, before the next is looked at."""


class LocalJobEngine(JobEngine):
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

    def run(self, jobs: Sequence[Job], on_progress: ProgressCallback) -> None:
        """Do all jobs, in this order as workers come free."""
        queue = deque(jobs)
        crew = [_Worker() for _ in range(min(self.workers, len(jobs)))]
        deaths: Counter[str] = Counter()
        try:
            while queue or any(worker.assignment for worker in crew):
                for worker in crew:
                    if worker.assignment is None and queue:
                        worker.assign(queue.popleft())
                self._handle_messages(crew, queue, deaths, on_progress)
        finally:
            for worker in crew:
                worker.kill()

    def _handle_messages(
        self,
        workers: list["_Worker"],
        queue: deque[Job],
        losses: Counter[str],
        on_progress: ProgressCallback,
    ) -> None:
        busy = {worker.connection: worker for worker in workers if worker.assignment}
        for connection in wait(list(busy), timeout=POLL_SECONDS):
            worker = busy[connection]  # pyright: ignore[reportArgumentType]
            assignment = worker.assignment
            assert assignment is not None
            try:
                message = worker.connection.recv()
            except (EOFError, ConnectionResetError):
                code = worker.kill()
                _handle_lost_worker(
                    assignment, f"the worker died (exit code {code})", queue, losses
                )
                workers[workers.index(worker)] = _Worker()
                continue
            if isinstance(message, bool):
                worker.assignment = None
                if not message:  # another process is at it
                    queue.append(assignment.job)
                    time.sleep(BUSY_SECONDS)
            else:
                assignment.record(message)
                on_progress(message)
        for number, worker in enumerate(workers):
            if worker.assignment is not None and worker.assignment.is_overdue:
                worker.kill()
                limit = f"hung longer than {worker.assignment.job.timeout:g} s and was killed"
                _handle_lost_worker(worker.assignment, limit, queue, losses)
                workers[number] = _Worker()


def _handle_lost_worker(
    assignment: Assignment, error: str, queue: deque[Job], losses: Counter[str]
) -> None:
    """Put the lost unit on record and give the rest of its job out again."""
    label = assignment.job.run.label
    losses[label] += 1
    recorded = assignment.fail(error)
    if losses[label] < MAX_ATTEMPTS:
        queue.appendleft(assignment.job)
    elif recorded:
        fail_remaining(assignment.job, f"not tried: this run's models ended {MAX_ATTEMPTS} workers")
    else:
        raise RuntimeError(
            f"{assignment.description}: {error}, {MAX_ATTEMPTS} times, before it began."
        )


class _Worker:
    """A process that does one job after the other."""

    def __init__(self):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(
            target=_serve_jobs, args=(theirs,), daemon=True
        )
        with worker_environment():
            self.process.start()
        theirs.close()
        self.assignment: Assignment | None = None

    def assign(self, job: Job) -> None:
        """Hand over a job."""
        self.assignment = Assignment(job)
        self.connection.send(job)

    def kill(self) -> int | None:
        """Kill the process; return its exit code."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        return self.process.exitcode


def _serve_jobs(connection: Connection) -> None:
    """Do jobs until the connection ends, as it does with its parent."""
    init_worker(os.getppid())
    import torch

    torch.set_num_threads(1)
    while True:
        try:
            job = connection.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            connection.send(run_job(job, connection.send))
        except (KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
            return  # the parent is gone, or about to be
