"""What of a plan is on record already."""

from collections.abc import Sequence
from dataclasses import dataclass

from revin_forecast.shift.datasets import prepare_dataset
from revin_forecast.shift.job import Job, run_folder
from revin_forecast.shift.journal import Journal, load_signed
from revin_forecast.shift.keys import fingerprint
from revin_forecast.shift.plan import cell_key, plan_cells, run_config


@dataclass(frozen=True)
class RunProgress:
    """How much of a run is done."""

    is_trained: bool = False
    recorded_cells: int = 0
    """Measured, failed or excluded."""
    planned_cells: int = 0


def read_progress(jobs: Sequence[Job]) -> dict[str, RunProgress]:
    """Return what each run has on record, by label; nothing where its data can't be read."""
    return {job.run.label: _read_run_progress(job) for job in jobs}


def _read_run_progress(job: Job) -> RunProgress:
    wanted = plan_cells(job.suite, job.run.dataset_config)
    try:
        data = prepare_dataset(job.run.dataset_config, job.suite.windows, job.data_dir)
        key = fingerprint(run_config(job.suite, job.run, data))
    except Exception:  # the run itself will put it on record
        return RunProgress(planned_cells=len(wanted))
    folder = run_folder(job, key)
    trained = load_signed(folder / "run.json") is not None
    entries = Journal(folder / "cells.jsonl").read() if trained else {}
    found = sum(cell_key(key, job.suite, cell) in entries for cell in wanted) if entries else 0
    return RunProgress(trained, found, len(wanted))
