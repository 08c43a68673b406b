"""What a worker is given and what it tells."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from revin_forecast.shift.suite.plan import PlannedRun
from revin_forecast.shift.suite.suite import Suite

ProgressEvent = tuple[Literal["begin", "end"], str, str]
"""What a worker tells: a unit of work begins or ends; its run's label, and the unit's own."""
ProgressCallback = Callable[[ProgressEvent], None]
TRAINING = "training"
ARTEFACTS = "measured"
"""Folder of the artefacts inside a benchmark's folder."""


@dataclass(frozen=True)
class Job:
    """All that a worker needs to know, on whatever machine."""

    suite: Suite
    run: PlannedRun
    folder: str
    """Of the benchmark's artefacts."""
    data_dir: str | None = None
    timeout: float = 600.0
    """Seconds that one training or one cell may take."""
    retry: bool = False
    """Do again what failed."""
    keeps_examples: bool = False
    """Keep a few windows to draw."""


def run_folder(job: Job, key: str) -> Path:
    """Return the folder of a run."""
    return Path(job.folder) / "runs" / key[:32]


def format_error(error: BaseException) -> str:
    """Return an error's kind and message in one line, cut where it is very long."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
