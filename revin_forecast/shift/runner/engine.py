"""Who does the runs: the same jobs, the same results, on one machine or on many."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from revin_forecast.shift.runner.job import TRAINING, Job, ProgressCallback, ProgressEvent
from revin_forecast.shift.runner.journal import record_failure
from revin_forecast.shift.runner.worker import run_job

GRACE_SECONDS = 10.0
"""Seconds beyond its time after which a worker that hangs is killed."""
MAX_ATTEMPTS = 3
"""Times that a job is given out whose workers die; what it has left is then put on record."""


class JobEngine(ABC):
    """Does jobs in workers of one thread each."""

    has_worker_processes: ClassVar[bool] = True
    """Whether the workers are other processes, so that this one has time for something else."""

    @abstractmethod
    def run(self, jobs: Sequence[Job], on_progress: ProgressCallback) -> None:
        """Do all jobs, in this order as workers come free; results lie in the jobs' folders.

        A unit that takes too long, or kills its worker, is put on record as failed, and what is
        left of its job is given out again.

        Args:
            jobs: longest first.
            on_progress: gets what the workers tell.
        """


@dataclass
class Assignment:
    """A job in a worker's hands, and the unit it is at."""

    job: Job
    unit: str | None = None
    last_event_time: float = field(default_factory=time.monotonic)

    def record(self, event: ProgressEvent) -> None:
        """Follow what the worker tells."""
        kind, _, unit = event
        self.unit = unit if kind == "begin" else None
        self.last_event_time = time.monotonic()

    @property
    def is_overdue(self) -> bool:
        """Whether a unit takes longer than it may and the worker has not noticed."""
        return (
            self.unit is not None
            and time.monotonic() - self.last_event_time > self.job.timeout + GRACE_SECONDS
        )

    def fail(self, error: str) -> bool:
        """Put the unit on record as failed; return whether there was one."""
        if self.unit is None:
            return False
        record_failure(self.job, self.unit, error)
        return True

    @property
    def description(self) -> str:
        """What a worker was at, for people."""
        if self.unit is None:
            return self.job.run.label
        return f"{self.job.run.label}, {'training' if self.unit == TRAINING else 'a cell'}"


class InlineJobEngine(JobEngine):
    """Does jobs in this process, one after the other: for a few, and to look at errors."""

    has_worker_processes = False

    def run(self, jobs: Sequence[Job], on_progress: ProgressCallback) -> None:
        """Do all jobs in order."""
        for job in jobs:
            run_job(job, on_progress)
