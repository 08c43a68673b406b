"""The engine for a Ray cluster."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from revin_forecast.errors import InputError, format_install_command
from revin_forecast.parallel.worker import ENVIRONMENT_VARIABLES, pythonpath_variable
from revin_forecast.shift.runner.engine import MAX_ATTEMPTS, Assignment, JobEngine
from revin_forecast.shift.runner.job import Job, ProgressCallback, ProgressEvent
from revin_forecast.shift.runner.worker import run_job

POLL_SECONDS = 0.5


class RayJobEngine(JobEngine):
    """Runs jobs in workers of a Ray cluster, one core each.

    All nodes must see the benchmark's folder and the data.

    Args:
        address: address of the cluster, as in ray.init; None: start one on this machine.

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
        """Run all jobs on the cluster."""
        ray = self.ray
        starts_cluster = not ray.is_initialized()
        if starts_cluster:
            ray.init(address=self.address, log_to_driver=False, include_dashboard=False)
        try:
            self._run_jobs(list(jobs), on_progress)
        finally:
            if starts_cluster:
                ray.shutdown()

    def _run_jobs(self, jobs: list[Job], on_progress: ProgressCallback) -> None:
        ray = self.ray
        from ray.exceptions import TaskCancelledError, WorkerCrashedError

        # The queue takes no core: on a small cluster it would keep one from the workers.
        event_queue: Any = ray.remote(num_cpus=0)(_EventQueue).remote()
        environment = {"env_vars": {**ENVIRONMENT_VARIABLES, **pythonpath_variable()}}
        # No retries by Ray: the engine itself records the failed unit and counts the losses.
        remote: Any = ray.remote(max_retries=0, num_cpus=1, runtime_env=environment)(
            _run_remote_job
        )
        pending: dict[Any, Assignment] = {}
        losses: Counter[str] = Counter()

        def submit(job: Job) -> None:
            pending[remote.remote(job, event_queue)] = Assignment(job)

        for job in jobs:
            submit(job)
        while pending:
            done, _ = ray.wait(list(pending), timeout=POLL_SECONDS)
            by_run = {assignment.job.run.label: assignment for assignment in pending.values()}
            for event in ray.get(event_queue.pop_all.remote()):
                if event[1] in by_run:
                    by_run[event[1]].record(event)
                on_progress(event)
            overdue = [
                reference for reference, assignment in pending.items() if assignment.is_overdue
            ]
            for reference in overdue:
                ray.cancel(reference, force=True)
            for reference in done:
                assignment = pending.pop(reference)
                try:
                    if not ray.get(reference):  # another process holds the run
                        time.sleep(POLL_SECONDS)
                        submit(assignment.job)
                except (WorkerCrashedError, TaskCancelledError) as error:
                    label = assignment.job.run.label
                    losses[label] += 1
                    recorded = assignment.fail(f"the worker died ({type(error).__name__})")
                    if losses[label] < MAX_ATTEMPTS:
                        submit(assignment.job)
                    elif recorded:
                        reason = (
                            f"not measured: the models of this run crashed {MAX_ATTEMPTS} workers"
                        )
                        assignment.job.run.fail_remaining(reason)
                    else:
                        raise


class _EventQueue:
    """An actor that collects the events of all workers."""

    def __init__(self):
        self.events: list[ProgressEvent] = []

    def add(self, events: list[ProgressEvent]) -> None:
        """Append events."""
        self.events += events

    def pop_all(self) -> list[ProgressEvent]:
        """Return the events since the last call."""
        events, self.events = self.events, []
        return events


class _EventSender:
    """Sends events to the queue, the end of a unit together with the begin of the next.

    A message takes longer than some cells. The begin of a unit is sent at once, as it must arrive
    before the unit can crash the worker.
    """

    def __init__(self, queue: Any):
        self.queue = queue
        self.buffered_events: list[ProgressEvent] = []

    def send(self, event: ProgressEvent) -> None:
        """Send a begin with the buffered ends; buffer an end."""
        self.buffered_events.append(event)
        if event[0] == "begin":
            self.flush()

    def flush(self) -> None:
        """Send the buffered events."""
        if self.buffered_events:
            self.queue.add.remote(self.buffered_events)
            self.buffered_events = []


def _run_remote_job(job: Job, event_queue: Any) -> bool:
    import torch

    torch.set_num_threads(1)
    sender = _EventSender(event_queue)
    try:
        return run_job(job, sender.send)
    finally:
        sender.flush()
