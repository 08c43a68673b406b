"""Count the workers that the units of a benchmark lose, and record the failures that follow."""

import signal
from collections import Counter

from revin_forecast.shift.runner.job import Job, ProgressEvent
from revin_forecast.shift.runner.store import INPUTS, TRAINING
from revin_forecast.utils.parallel.engine import WorkerLostError, WorkerOverdueError

UNIT_ATTEMPTS = 2
"""Workers that a unit may lose until it is recorded as failed."""
MAX_LOSSES_IN_A_ROW = 3
"""Workers that a job may lose without the end of a unit between, until its rest is failed."""
GRACE_SECONDS = 10.0
"""Seconds past its time limit after which a hanging worker is killed."""
MIN_INPUTS_SECONDS = 120.0
"""Shortest limit for the work before the first unit, most of which is imports."""


class LossCounter:
    """Knows the current unit of each running job, and counts lost workers by unit and job."""

    def __init__(self) -> None:
        self._units: dict[str, str] = {}
        self._losses_of_unit: Counter[tuple[str, str]] = Counter()
        self._losses_in_a_row: Counter[str] = Counter()

    def follow(self, event: ProgressEvent) -> None:
        """Take note of the begin or the end of a unit."""
        kind, label, unit = event
        if kind == "end":
            self._units.pop(label, None)
            self._losses_in_a_row.pop(label, None)
        else:
            self._units[label] = unit

    def limit(self, job: Job) -> float | None:
        """Return the seconds in which the current unit of a job must end; None without a unit."""
        unit = self._units.get(job.run.label)
        # The worker's own alarm comes first; this catches calls that no alarm can interrupt.
        seconds = None if unit is None else job.timeout + GRACE_SECONDS
        return max(seconds, MIN_INPUTS_SECONDS) if seconds and unit == INPUTS else seconds

    def record(self, job: Job, error: WorkerLostError) -> bool:
        """Count a lost worker and record the failures that follow from it.

        Args:
            job: the job of the worker.
            error: how the worker ended.

        Returns:
            Whether the job is to be run again, by another worker.

        Raises:
            RuntimeError: workers are lost again and again before the job's first step.
        """
        label = job.run.label
        unit = self._units.pop(label, None)
        self._losses_in_a_row[label] += 1
        has_crashed_often = self._losses_in_a_row[label] >= MAX_LOSSES_IN_A_ROW
        if unit is None:
            if has_crashed_often:
                raise RuntimeError(
                    f"{label}: the worker died: {describe_loss(error)}, {MAX_LOSSES_IN_A_ROW} "
                    "times before its first unit."
                )
            return True
        self._losses_of_unit[label, unit] += 1
        is_overdue = isinstance(error, WorkerOverdueError)
        if self._losses_of_unit[label, unit] < UNIT_ATTEMPTS and not (
            is_overdue or has_crashed_often
        ):
            return True
        times = " twice" if self._losses_of_unit[label, unit] > 1 else ""
        reason = f"the worker died{times}: {describe_loss(error)}"
        if is_overdue:
            seconds = max(job.timeout, MIN_INPUTS_SECONDS) if unit == INPUTS else job.timeout
            reason = f"hung longer than {seconds:g} s and was killed"
        job.run.record_failure(unit, reason)
        if unit in (TRAINING, INPUTS):
            return False
        if has_crashed_often:
            job.run.fail_remaining(
                f"not measured: the models of this run crashed {MAX_LOSSES_IN_A_ROW} workers "
                f"in a row; the last: {reason}"
            )
        return not has_crashed_often


def describe_loss(error: WorkerLostError) -> str:
    """Return how a worker ended, in words.

    >>> describe_loss(WorkerLostError("", 0))
    'ended by os._exit with status 0'
    >>> describe_loss(WorkerLostError("", -11))
    'killed by signal 11 (Segmentation fault)'
    """
    code = error.exit_code
    if code is None:
        return str(error)
    if code >= 0:
        return f"ended by os._exit with status {code}"
    remark = ", perhaps for want of memory" if code == -signal.SIGKILL else ""
    return f"killed by signal {-code} ({signal.strsignal(-code)}{remark})"
