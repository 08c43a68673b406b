"""Execute one job: train its model once, then measure every cell without a result."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from revin_forecast.models.reversible import Reversible
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.measuring.evaluator import CellResult, Evaluator
from revin_forecast.shift.measuring.examples import example_rows
from revin_forecast.shift.measuring.online import OnlineLearner, make_learner
from revin_forecast.shift.runner.job import Job, ProgressCallback
from revin_forecast.shift.runner.run_folder import CellEntry, encode_array
from revin_forecast.shift.runner.store import INPUTS, StoredRun, format_error
from revin_forecast.shift.runner.time_limit import USER_ERRORS, time_limit
from revin_forecast.shift.runner.training import (
    has_weights,
    load_model,
    replace_after_time_out,
    train,
)
from revin_forecast.shift.runner.warm_up import prepare_training
from revin_forecast.shift.suite.plan import exclusion_reason


def run_job(job: Job, on_progress: ProgressCallback = lambda event: None) -> bool:
    """Run a job, or its missing units. A failure is recorded, and the next unit follows.

    Args:
        job: the job.
        on_progress: receives the begin and the end of each unit.

    Returns:
        False if another worker holds the run.

    Raises:
        SpoiledWorkerError: a unit exceeded its time limit and is recorded as failed. The remaining
            units belong into another process.
    """
    # A run without data has no key; `compile_results` reports the error.
    if not job.run.key:
        return True
    on_progress(("prepare", job.run.label, INPUTS))
    with job.run.folder.lock() as is_locked:
        if is_locked:
            _run_locked(job, on_progress)
    return is_locked


def _run_locked(job: Job, on_progress: ProgressCallback) -> None:
    run, folder = job.run, job.run.folder
    entries = folder.repair_cells()
    try:
        run.check_inputs()
    except USER_ERRORS as error:  # this worker can't read the data, or has others
        run.record_unusable(format_error(error))
        return
    record = folder.read_training()
    if record is not None and record["status"] == "failed":
        return
    model = None
    if not has_weights(run):
        prepare_training(run)
        model = train(job, on_progress)
        if model is None:
            return
    missing = {key: cell for key, cell in run.cells if key not in entries}
    to_measure = {key: cell for key, cell in missing.items() if not _is_excluded(run, key, cell)}
    if to_measure:
        _measure_cells(job, model, to_measure, on_progress)


def _is_excluded(run: StoredRun, key: str, cell: Cell) -> bool:
    """Record a cell that the data set can't have, so that the tables can state the reason."""
    status = "excluded"
    try:
        reason = exclusion_reason(run.planned, cell, run.dataset.shift_dataset)
    except USER_ERRORS as error:  # of a user's own shift
        status, reason = "failed", format_error(error)
    if reason is not None:
        run.folder.record_cell({"key": key, "status": status, "error": reason, "rows": []})
    return reason is not None


def _measure_cells(
    job: Job,
    model: Reversible | None,
    missing: Mapping[str, Cell],
    on_progress: ProgressCallback,
) -> None:
    """Measure cells one by one and record each result; without a model load it first."""
    folder, data = job.run.folder, job.run.dataset
    first = next(iter(missing))
    on_progress(("begin", job.run.label, first))
    try:
        with time_limit(job.timeout):
            suite = job.run.store.suite
            sizes = suite.windows.stride, suite.protocol.resamples
            model = load_model(job.run) if model is None else model
            learner = _make_learner(job.run)
            evaluator = Evaluator(model, data.shift_dataset, *sizes, learner=learner)
    except USER_ERRORS as error:  # without clean forecasts a cell has nothing to be compared with
        folder.record_failures(list(missing), f"clean data: {format_error(error)}")
        for name in missing:
            on_progress(("end", job.run.label, name))
        replace_after_time_out(error)
        return
    for name, cell in missing.items():
        if name != first:
            on_progress(("begin", job.run.label, name))
        start, failure = time.perf_counter(), None
        entry: CellEntry = {"key": name, "status": "done", "error": "", "rows": []}
        try:
            with time_limit(job.timeout):
                entry["rows"] = [_to_json_row(result) for result in evaluator.measure(cell)]
                if job.keeps_examples:
                    entry["examples"] = example_rows(evaluator, cell, data.channel_names)
        except USER_ERRORS as error:
            entry |= {"status": "failed", "error": format_error(error)}
            failure = error
        entry["seconds"] = time.perf_counter() - start
        folder.record_cell(entry)
        on_progress(("end", job.run.label, name))
        replace_after_time_out(failure)


def _make_learner(run: StoredRun) -> OnlineLearner | None:
    """Return the way in which a run goes on learning in the test part; None if it does not."""
    record, name = run.folder.read_training(), run.planned.learner
    if not name or record is None:
        return None
    return make_learner(name, record["fit"], run.dataset.split.train)


def _to_json_row(result: CellResult) -> dict[str, Any]:
    row = {
        name: float(value) if isinstance(value, np.floating) else value
        for name, value in result.row.items()
    }
    blocks = {name: encode_array(values) for name, values in result.blocks.items()}
    return {**row, "windows": encode_array(result.window_errors), "blocks": blocks}
