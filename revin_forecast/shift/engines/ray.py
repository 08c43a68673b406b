import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from revin_forecast.engines.workers import ENVIRONMENT, import_paths
from revin_forecast.errors import InputError, install_line
from revin_forecast.shift.engines.base import ATTEMPTS, Assignment, Engine
from revin_forecast.shift.failures import give_up
from revin_forecast.shift.job import Event, Job, Tell
from revin_forecast.shift.work import execute

POLL = 0.5


class RayEngine(Engine):
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
                f"{install_line('ray')}. Or use --engine local."
            ) from error
        self.ray = ray
        self.address = address

    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Do all jobs on the cluster."""
        ray = self.ray
        started = not ray.is_initialized()
        if started:
            ray.init(address=self.address, log_to_driver=False, include_dashboard=False)
        try:
            self._run(list(jobs), tell)
        finally:
            if started:
                ray.shutdown()

    def _run(self, jobs: list[Job], tell: Tell) -> None:
        ray = self.ray
        from ray.exceptions import TaskCancelledError, WorkerCrashedError

        board: Any = ray.remote(num_cpus=0)(_Board).remote()
        environment = {"env_vars": {**ENVIRONMENT, **import_paths()}}
        remote: Any = ray.remote(max_retries=0, num_cpus=1, runtime_env=environment)(_execute)
        pending: dict[Any, Assignment] = {}
        deaths: Counter[str] = Counter()
        lost = WorkerCrashedError, TaskCancelledError

        def give(job: Job) -> None:
            pending[remote.remote(job, board)] = Assignment(job)

        for job in jobs:
            give(job)
        while pending:
            done, _ = ray.wait(list(pending), timeout=POLL)
            by_run = {one.job.run.label: one for one in pending.values()}
            for event in ray.get(board.take.remote()):
                if event[1] in by_run:
                    by_run[event[1]].note(event)
                tell(event)
            for reference in [one for one, held in pending.items() if held.overdue]:
                ray.cancel(reference, force=True)
            for reference in done:
                assignment = pending.pop(reference)
                try:
                    if not ray.get(reference):  # another process is at it
                        time.sleep(POLL)
                        give(assignment.job)
                except lost as error:
                    label = assignment.job.run.label
                    deaths[label] += 1
                    recorded = assignment.fail(f"the worker died ({type(error).__name__})")
                    if deaths[label] < ATTEMPTS:
                        give(assignment.job)
                    elif recorded:
                        told = f"not tried: this run's models ended {ATTEMPTS} workers"
                        give_up(assignment.job, told)
                    else:
                        raise


class _Board:
    """Where workers leave what they tell."""

    def __init__(self):
        self.events: list[Event] = []

    def note(self, events: list[Event]) -> None:
        """Keep events."""
        self.events += events

    def take(self) -> list[Event]:
        """Return what has come since the last time."""
        events, self.events = self.events, []
        return events


class _Teller:
    """Sends events to the board: an end goes with the beginning that follows it.

    A message costs more than some cells do; a beginning must arrive before its worker dies.
    """

    def __init__(self, board: Any):
        self.board = board
        self.ends: list[Event] = []

    def tell(self, event: Event) -> None:
        """Send a beginning, keep an end."""
        self.ends.append(event)
        if event[0] == "begin":
            self.flush()

    def flush(self) -> None:
        """Send what was kept."""
        if self.ends:
            self.board.note.remote(self.ends)
            self.ends = []


def _execute(job: Job, board: Any) -> bool:
    import torch

    torch.set_num_threads(1)
    teller = _Teller(board)
    try:
        return execute(job, teller.tell)
    finally:
        teller.flush()
