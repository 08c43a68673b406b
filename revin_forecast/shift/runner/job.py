"""The job a worker receives and the events it reports."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from revin_forecast.shift.suite.plan import PlannedRun
from revin_forecast.shift.suite.suite import Suite

ProgressEvent = tuple[Literal["begin", "end"], str, str]
"""Begin or end of a unit of work: the kind, the label of the run, and the unit."""
ProgressCallback = Callable[[ProgressEvent], None]
TRAINING = "training"
"""The unit that is not a cell; other units are named by their cell's key."""
ARTEFACTS = "measured"
"""Folder of the artefacts in a benchmark's folder."""


@dataclass(frozen=True)
class Job:
    """One run with everything that a worker needs, on any machine."""

    suite: Suite
    run: PlannedRun
    folder: str
    """Folder of the benchmark's artefacts."""
    data_dir: str | None = None
    timeout: float = 600.0
    """Time limit in seconds for one training or one cell."""
    retry: bool = False
    """Whether to repeat failed units."""
    keeps_examples: bool = False
    """Whether to store example windows for the report."""


def run_folder(job: Job, key: str) -> Path:
    """Return the folder of a run."""
    return Path(job.folder) / "runs" / key[:32]


def format_error(error: BaseException) -> str:
    """Return an error's class and message on one line of at most 500 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
