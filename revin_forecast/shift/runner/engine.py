"""The base class of engines, which run jobs on one machine or on many with equal results."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from revin_forecast.shift.runner.job import Job, ProgressCallback, ProgressEvent
from revin_forecast.shift.runner.store import TRAINING
from revin_forecast.shift.runner.worker import run_job

GRACE_SECONDS = 10.0
"""Seconds past its time limit after which a hanging worker is killed."""
MAX_ATTEMPTS = 3
"""Lost workers per job after which its remaining cells are recorded as failed."""


class JobEngine(ABC):
    """Runs jobs in workers of one thread each."""

    has_worker_processes: ClassVar[bool] = True
    """Whether the workers are other processes, which leave this one free for other work."""

    @abstractmethod
    def run(self, jobs: Sequence[Job], on_progress: ProgressCallback) -> None:
        """Run all jobs, starting them in this order as workers become free.

        Results are written to the jobs' folders. A unit of work that exceeds its time limit or
        crashes its worker is recorded as failed, and the remaining units of its job are run by
        another worker.

        Args:
            jobs: jobs, longest first.
            on_progress: receives the workers' progress events.
        """


@dataclass
class Assignment:
    """A job that a worker is running, and its current unit of work."""

    job: Job
    unit: str | None = None
    last_event_time: float = field(default_factory=time.monotonic)

    def record(self, event: ProgressEvent) -> None:
        """Update the current unit from a worker's event."""
        kind, _, unit = event
        self.unit = unit if kind == "begin" else None
        self.last_event_time = time.monotonic()

    @property
    def is_overdue(self) -> bool:
        """Whether the unit has exceeded its time limit without ending itself."""
        return (
            # The worker's own alarm comes first; this catches calls that no alarm can interrupt.
            self.unit is not None
            and time.monotonic() - self.last_event_time > self.job.timeout + GRACE_SECONDS
        )

    def fail(self, error: str) -> bool:
        """Record the current unit as failed; return whether there was one."""
        if self.unit is None:
            return False
        self.job.run.record_failure(self.unit, error)
        return True

    @property
    def description(self) -> str:
        """The current unit, for messages."""
        if self.unit is None:
            return self.job.run.label
        return f"{self.job.run.label}, {'training' if self.unit == TRAINING else 'a cell'}"


class InlineJobEngine(JobEngine):
    """Runs jobs in this process, one after another: for few jobs, or to debug them."""

    has_worker_processes = False

    def run(self, jobs: Sequence[Job], on_progress: ProgressCallback) -> None:
        """Run all jobs in order."""
        for job in jobs:
            run_job(job, on_progress)
