"""Run the jobs of a benchmark with an engine, and record the units whose workers are lost."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import torch

from revin_forecast.shift.runner.job import Job, ProgressCallback, ProgressEvent
from revin_forecast.shift.runner.losses import LossCounter
from revin_forecast.shift.runner.worker import run_job
from revin_forecast.utils.parallel.engine import (
    Engine,
    Report,
    SpoiledWorkerError,
    WorkerLostError,
)

BUSY_SECONDS = 0.5
"""Pause after another process was found to hold a run, before the next try."""


def run_jobs(jobs: Sequence[Job], engine: Engine, on_progress: ProgressCallback) -> None:
    """Run all jobs, starting them in this order as workers become free.

    Results are written to the jobs' folders. A unit of work that exceeds its time limit is recorded
    as failed. A unit that loses its worker is tried once more, as another program may have needed
    the memory, and recorded as failed if that worker is lost, too. In both cases another process
    runs the remaining units of the job.

    Args:
        jobs: jobs, longest first.
        engine: runs the jobs. All its machines must see the benchmark's folder and the data.
        on_progress: receives the workers' progress events.
    """
    for job in jobs:
        if job.retry:
            job.run.forget_failures()
    queue, losses = deque(jobs), LossCounter()

    def handle_events(job: Job, events: Sequence[ProgressEvent]) -> float | None:
        """Hand events on; return the seconds until the current unit must end."""
        for event in events:
            losses.follow(event)
            on_progress(event)
        return losses.limit(job)

    with closing(engine.run(_run_and_report, queue, handle_events)) as outcomes:
        for outcome in outcomes:
            job, error = outcome.task, outcome.error
            if isinstance(error, WorkerLostError):
                if losses.record(job, error):
                    queue.appendleft(job)
            elif isinstance(error, SpoiledWorkerError):  # its failure is recorded
                queue.appendleft(job)
            elif error is not None:
                raise error
            elif not outcome.result:  # another process holds the run
                # At the end of the queue: the other process needs time.
                queue.append(job)
                time.sleep(BUSY_SECONDS)


def _run_and_report(job: Job, report: Report) -> bool:
    sender = EventSender(report)
    try:
        with _restoring_torch_settings():
            return run_job(job, sender.send)
    finally:
        sender.flush()


@contextmanager
def _restoring_torch_settings() -> Iterator[None]:
    """Restore the settings of this process that a user's model may change, for the next job."""
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    is_deterministic = torch.are_deterministic_algorithms_enabled()
    try:
        with torch.set_grad_enabled(torch.is_grad_enabled()):
            yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(is_deterministic)


class EventSender:
    """Reports events, the end of a unit together with the begin of the next.

    A message to another machine takes longer than some cells. The begin of a unit is sent at once,
    as it must arrive before the unit can crash the worker.

    Args:
        report: receives lists of events.
    """

    def __init__(self, report: Report):
        self.report = report
        self.buffered_events: list[ProgressEvent] = []

    def send(self, event: ProgressEvent) -> None:
        """Send a begin with the buffered ends; buffer an end."""
        self.buffered_events.append(event)
        if event[0] != "end":
            self.flush()

    def flush(self) -> None:
        """Send the buffered events."""
        if self.buffered_events:
            self.report(self.buffered_events)
            self.buffered_events = []
