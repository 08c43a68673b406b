from collections.abc import Sequence

from revin_forecast.shift.engines.base import Engine
from revin_forecast.shift.job import Job, Tell
from revin_forecast.shift.work import execute


class InlineEngine(Engine):
    """Does jobs in this process, one after the other: for a few, and to look at errors."""

    elsewhere = False

    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Do all jobs in order."""
        for job in jobs:
            execute(job, tell)
