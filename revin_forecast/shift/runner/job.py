"""The job a worker receives and the events it reports."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from revin_forecast.shift.runner.store import StoredRun

ProgressEvent = tuple[Literal["prepare", "begin", "end"], str, str]
"""Begin or end of a unit of work: the kind, the label of the run, and the unit.

A worker prepares a job before its first unit, under the name `INPUTS`.
"""
ProgressCallback = Callable[[ProgressEvent], None]


@dataclass(frozen=True)
class Job:
    """One run with everything that a worker needs, on any machine."""

    run: StoredRun
    timeout: float = 600.0
    """Time limit in seconds for one training or one cell."""
    retry: bool = False
    """Whether `run_jobs` forgets the recorded failures, so that their units are repeated."""
    keeps_examples: bool = False
    """Whether to store example windows for the report."""
