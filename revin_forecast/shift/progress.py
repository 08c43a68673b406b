"""What of a plan is on record already."""

from collections.abc import Sequence
from dataclasses import dataclass

from revin_forecast.shift.datasets import prepare
from revin_forecast.shift.job import Job, place_of
from revin_forecast.shift.journal import Journal, unseal
from revin_forecast.shift.keys import digest
from revin_forecast.shift.plan import cell_key, cells, run_config


@dataclass(frozen=True)
class Recorded:
    """How much of a run is done."""

    trained: bool = False
    cells: int = 0
    """Measured, failed or excluded."""
    planned: int = 0


def recorded(jobs: Sequence[Job]) -> dict[str, Recorded]:
    """Return what each run has on record, by label; nothing where its data can't be read."""
    return {job.run.label: _recorded(job) for job in jobs}


def _recorded(job: Job) -> Recorded:
    wanted = cells(job.suite, job.run.source)
    try:
        data = prepare(job.run.source, job.suite.windows, job.data_dir)
        key = digest(run_config(job.suite, job.run, data))
    except Exception:  # the run itself will put it on record
        return Recorded(planned=len(wanted))
    folder = place_of(job, key)
    trained = unseal(folder / "run.json") is not None
    entries = Journal(folder / "cells.jsonl").read() if trained else {}
    found = sum(cell_key(key, job.suite, cell) in entries for cell in wanted) if entries else 0
    return Recorded(trained, found, len(wanted))
