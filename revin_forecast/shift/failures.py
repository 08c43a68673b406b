"""Failures on record: they stay, until they are asked to be tried again."""

from collections.abc import Sequence

from revin_forecast.files import atomic_write
from revin_forecast.shift.claim import run_lock
from revin_forecast.shift.datasets import prepare_dataset
from revin_forecast.shift.job import TRAINING, Job, run_folder
from revin_forecast.shift.journal import Journal, dump_signed
from revin_forecast.shift.keys import fingerprint
from revin_forecast.shift.plan import cell_key, plan_cells, run_config


def record_failure(job: Job, unit: str, error: str) -> None:
    """Put on record what a worker could not, as it was killed or died.

    Args:
        job: the worker's.
        unit: `TRAINING`, or the key of a cell.
        error: one line.
    """
    data = prepare_dataset(job.run.dataset_config, job.suite.windows, job.data_dir)
    config = run_config(job.suite, job.run, data)
    folder = run_folder(job, key := fingerprint(config))
    with run_lock(folder) as mine:
        if mine and unit == TRAINING:
            facts = {"key": key, "config": config, "status": "failed", "error": error}
            with atomic_write(folder / "run.json") as partial:
                partial.write_text(dump_signed(facts), encoding="utf-8")
        elif mine:
            append_failures(Journal(folder / "cells.jsonl"), [unit], error)


def fail_remaining(job: Job, error: str) -> None:
    """Put on record all cells of a run that are not: its models end every worker.

    Args:
        job: whose run it is.
        error: one line.
    """
    data = prepare_dataset(job.run.dataset_config, job.suite.windows, job.data_dir)
    key = fingerprint(run_config(job.suite, job.run, data))
    wanted = [cell_key(key, job.suite, cell) for cell in plan_cells(job.suite, job.run.dataset_config)]
    folder = run_folder(job, key)
    with run_lock(folder) as mine:
        if mine:
            append_failures(Journal(folder / "cells.jsonl"), wanted, error)


def append_failures(journal: Journal, keys: Sequence[str], error: str) -> None:
    """Put cells on record as failed, those that are there as done left alone.

    Args:
        journal: of their run, whose folder is claimed.
        keys: of the cells.
        error: one line.
    """
    known = journal.repair()
    for key in keys:
        if key not in known or known[key]["status"] == "failed":
            journal.append({"key": key, "status": "failed", "error": error, "rows": []})
