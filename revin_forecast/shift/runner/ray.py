import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from revin_forecast.errors import InputError, format_install_command
from revin_forecast.parallel.worker import ENVIRONMENT_VARIABLES, pythonpath_variable
from revin_forecast.shift.runner.engine import MAX_ATTEMPTS, Assignment, JobEngine
from revin_forecast.shift.runner.job import Job, ProgressCallback, ProgressEvent
from revin_forecast.shift.runner.journal import fail_remaining
from revin_forecast.shift.runner.worker import run_job

POLL_SECONDS = 0.5


class RayJobEngine(JobEngine):
    """Workers of a Ray cluster, one core each; its nodes see the benchmark's folder and the data.

    Args:
        address: of the cluster, as ray.init takes it; None: one is started on this machine.

    Raises:
        InputError: Ray is not installed.
    """

    def __init__(self, address: str | None = None):
        try:
            import ray
        except ModuleNotFoundError as error:
            raise InputError(
                "the ray engine needs a package that is not installed: "
                f"{format_install_command('ray')}. Or use --engine local."
            ) from error
        self.ray = ray
        self.address = address

    def run(self, jobs: Sequence[Job], on_progress: ProgressCallback) -> None:
        """Do all jobs on the cluster."""
        ray = self.ray
        started = not ray.is_initialized()
        if started:
            ray.init(address=self.address, log_to_driver=False, include_dashboard=False)
        try:
            self._run_jobs(list(jobs), on_progress)
        finally:
            if started:
                ray.shutdown()

    def _run_jobs(self, jobs: list[Job], on_progress: ProgressCallback) -> None:
        ray = self.ray
        from ray.exceptions import TaskCancelledError, WorkerCrashedError

        board: Any = ray.remote(num_cpus=0)(_EventQueue).remote()
        environment = {"env_vars": {**ENVIRONMENT_VARIABLES, **pythonpath_variable()}}
        remote: Any = ray.remote(max_retries=0, num_cpus=1, runtime_env=environment)(
            _run_remote_job
        )
        pending: dict[Any, Assignment] = {}
        deaths: Counter[str] = Counter()
        lost = WorkerCrashedError, TaskCancelledError

        def give(job: Job) -> None:
            pending[remote.remote(job, board)] = Assignment(job)

        for job in jobs:
            give(job)
        while pending:
            done, _ = ray.wait(list(pending), timeout=POLL_SECONDS)
            by_run = {one.job.run.label: one for one in pending.values()}
            for event in ray.get(board.take.remote()):
                if event[1] in by_run:
                    by_run[event[1]].record(event)
                on_progress(event)
            for reference in [one for one, held in pending.items() if held.is_overdue]:
                ray.cancel(reference, force=True)
            for reference in done:
                assignment = pending.pop(reference)
                try:
                    if not ray.get(reference):  # another process is at it
                        time.sleep(POLL_SECONDS)
                        give(assignment.job)
                except lost as error:
                    label = assignment.job.run.label
                    deaths[label] += 1
                    recorded = assignment.fail(f"the worker died ({type(error).__name__})")
                    if deaths[label] < MAX_ATTEMPTS:
                        give(assignment.job)
                    elif recorded:
                        told = f"not tried: this run's models ended {MAX_ATTEMPTS} workers"
                        fail_remaining(assignment.job, told)
                    else:
                        raise


class _EventQueue:
    """Where workers leave what they tell."""

    def __init__(self):
        self.events: list[ProgressEvent] = []

    def add(self, events: list[ProgressEvent]) -> None:
        """Keep events."""
        self.events += events

    def pop_all(self) -> list[ProgressEvent]:
        """Return what has come since the last time."""
        events, self.events = self.events, []
        return events


class _EventSender:
    """Sends events to the board: an end goes with the beginning that follows it.

    A message costs more than some cells do; a beginning must arrive before its worker dies.
    """

    def __init__(self, queue: Any):
        self.queue = queue
        self.buffered_events: list[ProgressEvent] = []

    def send(self, event: ProgressEvent) -> None:
        """Send a beginning, keep an end."""
        self.buffered_events.append(event)
        if event[0] == "begin":
            self.flush()

    def flush(self) -> None:
        """Send what was kept."""
        if self.buffered_events:
            self.queue.note.remote(self.buffered_events)
            self.buffered_events = []


def _run_remote_job(job: Job, board: Any) -> bool:
    import torch

    torch.set_num_threads(1)
    teller = _EventSender(board)
    try:
        return run_job(job, teller.send)
    finally:
        teller.flush()
