"""The engine for one machine: worker processes that each run one job at a time."""

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
from revin_forecast.shift.runner.worker import run_job

POLL_SECONDS = 0.5
BUSY_SECONDS = 0.5
"""Pause in seconds after another process was found to hold a run, before the next try."""


class LocalJobEngine(JobEngine):
    """Runs jobs in spawned processes on this machine, each with one thread.

    Args:
        workers: number of processes.

    Raises:
        InputError: fewer than one worker.
    """

    def __init__(self, workers: int = 2):
        if workers < 1:
            raise InputError(f"at least one worker is needed, but got workers={workers}.")
        self.workers = workers

    def run(self, jobs: Sequence[Job], on_progress: ProgressCallback) -> None:
        """Run all jobs, starting them in this order as workers become free."""
        queue = deque(jobs)
        workers = [_Worker() for _ in range(min(self.workers, len(jobs)))]
        losses: Counter[str] = Counter()
        try:
            while queue or any(worker.assignment for worker in workers):
                for worker in workers:
                    if worker.assignment is None and queue:
                        worker.assign(queue.popleft())
                self._handle_messages(workers, queue, losses, on_progress)
        finally:
            for worker in workers:
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
                if not message:  # another process holds the run
                    # At the end of the queue: the other process needs time.
                    queue.append(assignment.job)
                    time.sleep(BUSY_SECONDS)
            else:
                assignment.record(message)
                on_progress(message)
        for number, worker in enumerate(workers):
            if worker.assignment is not None and worker.assignment.is_overdue:
                worker.kill()
                error = f"hung longer than {worker.assignment.job.timeout:g} s and was killed"
                _handle_lost_worker(worker.assignment, error, queue, losses)
                workers[number] = _Worker()


def _handle_lost_worker(
    assignment: Assignment, error: str, queue: deque[Job], losses: Counter[str]
) -> None:
    """Record the failed unit and requeue the rest of its job."""
    label = assignment.job.run.label
    losses[label] += 1
    recorded = assignment.fail(error)
    if losses[label] < MAX_ATTEMPTS:
        queue.appendleft(assignment.job)
    elif recorded:
        reason = f"not measured: the models of this run crashed {MAX_ATTEMPTS} workers"
        assignment.job.run.fail_remaining(reason)
    else:
        raise RuntimeError(
            f"{assignment.description}: {error}, {MAX_ATTEMPTS} times before its first unit."
        )


class _Worker:
    """A process that runs one job after another."""

    def __init__(self):
        # Spawned: the environment's limit of one thread must be set before torch is imported.
        context = multiprocessing.get_context("spawn")
        self.connection, worker_connection = context.Pipe()
        self.process: SpawnProcess = context.Process(
            target=_serve_jobs, args=(worker_connection,), daemon=True
        )
        with worker_environment():
            self.process.start()
        worker_connection.close()
        self.assignment: Assignment | None = None

    def assign(self, job: Job) -> None:
        """Send a job to the process."""
        self.assignment = Assignment(job)
        self.connection.send(job)

    def kill(self) -> int | None:
        """Kill the process and return its exit code."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        return self.process.exitcode


def _serve_jobs(connection: Connection) -> None:
    """Run jobs until the connection closes, as it does when the parent ends."""
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
