from collections.abc import Sequence

from revin_forecast.shift.engines.base import JobEngine
from revin_forecast.shift.job import Job, ProgressCallback
from revin_forecast.shift.work import run_job


class InlineJobEngine(JobEngine):
    """Does jobs in this process, one after the other: for a few, and to look at errors."""

    has_worker_processes = False

    def run(self, jobs: Sequence[Job], on_progress: ProgressCallback) -> None:
        """Do all jobs in order."""
        for job in jobs:
            run_job(job, on_progress)
