"""Failures on record: they stay, until they are asked to be tried again."""

from collections.abc import Sequence

from revin_forecast.files import replacing
from revin_forecast.shift.claim import claimed
from revin_forecast.shift.datasets import prepare
from revin_forecast.shift.job import TRAINING, Job, place_of
from revin_forecast.shift.journal import Journal, seal
from revin_forecast.shift.keys import digest
from revin_forecast.shift.plan import cell_key, cells, run_config


def record_failure(job: Job, unit: str, error: str) -> None:
    """Put on record what a worker could not, as it was killed or died.

    Args:
        job: the worker's.
        unit: `TRAINING`, or the key of a cell.
        error: one line.
    """
    data = prepare(job.run.source, job.suite.windows, job.data_dir)
    config = run_config(job.suite, job.run, data)
    folder = place_of(job, key := digest(config))
    with claimed(folder) as mine:
        if mine and unit == TRAINING:
            facts = {"key": key, "config": config, "status": "failed", "error": error}
            with replacing(folder / "run.json") as partial:
                partial.write_text(seal(facts), encoding="utf-8")
        elif mine:
            append_failures(Journal(folder / "cells.jsonl"), [unit], error)


def give_up(job: Job, error: str) -> None:
    """Put on record all cells of a run that are not: its models end every worker.

    Args:
        job: whose run it is.
        error: one line.
    """
    data = prepare(job.run.source, job.suite.windows, job.data_dir)
    key = digest(run_config(job.suite, job.run, data))
    wanted = [cell_key(key, job.suite, cell) for cell in cells(job.suite, job.run.source)]
    folder = place_of(job, key)
    with claimed(folder) as mine:
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
