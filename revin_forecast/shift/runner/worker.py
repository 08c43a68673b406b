"""Execute one job: train its model once, then measure every cell without a result."""

import hashlib
import platform
import resource
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch

from revin_forecast.models.reversible import Reversible
from revin_forecast.parameters.weights import load_parameters, save_parameters
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.measuring.evaluator import CellResult, Evaluator
from revin_forecast.shift.measuring.examples import example_rows
from revin_forecast.shift.runner.job import Job, ProgressCallback
from revin_forecast.shift.runner.run_folder import CellEntry, encode_array
from revin_forecast.shift.runner.store import TRAINING, StoredRun, format_error
from revin_forecast.shift.suite.datasets import PreparedDataset
from revin_forecast.shift.suite.plan import exclusion_reason
from revin_forecast.training.fit import fit_model


class TimeLimitError(Exception):
    """A unit of work exceeded its time limit."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeLimitError` if the body takes longer, between two steps of Python code.

    A call of a library that hangs is not interrupted; the engine kills such a worker. Without
    effect outside the main thread, and on systems without interval timers.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        yield
        return

    def raise_time_limit(number: int, frame: FrameType | None) -> None:
        raise TimeLimitError(f"took longer than {seconds:g} s; raise --timeout to allow more")

    previous_handler = signal.signal(signal.SIGALRM, raise_time_limit)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous_handler)


def run_job(job: Job, on_progress: ProgressCallback = lambda event: None) -> bool:
    """Run a job, or its missing units. A failure is recorded, and the next unit follows.

    Args:
        job: the job.
        on_progress: receives the begin and the end of each unit.

    Returns:
        False if another worker holds the run.
    """
    # A run without data has no key; `compile_results` reports the error.
    if not job.run.key:
        return True
    with job.run.folder.lock() as is_locked:
        if is_locked:
            _run_locked(job, on_progress)
    return is_locked


def _run_locked(job: Job, on_progress: ProgressCallback) -> None:
    run, folder = job.run, job.run.folder
    entries = folder.repair_cells()
    try:
        run.check_inputs()
    except Exception as error:  # this worker can't read the data, or has others
        _record_unusable_inputs(job, format_error(error))
        return
    data = run.dataset
    model = _load_or_train(job, data, on_progress)
    if model is None:
        return
    missing = {
        key: cell
        for key, cell in run.cells
        if key not in entries or (job.retry and entries[key]["status"] == "failed")
    }
    # Excluded cells are recorded, so that the tables can state the reason.
    reasons = {key: exclusion_reason(cell, data.shift_dataset) for key, cell in missing.items()}
    for key, reason in reasons.items():
        if reason is not None:
            folder.record_cell({"key": key, "status": "excluded", "error": reason, "rows": []})
    to_measure = {key: cell for key, cell in missing.items() if reasons[key] is None}
    if to_measure:
        _measure_cells(job, data, model, to_measure, on_progress)


def _record_unusable_inputs(job: Job, error: str) -> None:
    record = job.run.folder.read_training()
    if record is None or (record["status"] == "failed" and job.retry):
        job.run.record_training("failed", error)
    elif record["status"] == "done":
        job.run.folder.record_failures([key for key, _ in job.run.cells], error)


def _measure_cells(
    job: Job,
    data: PreparedDataset,
    model: Reversible,
    missing: Mapping[str, Cell],
    on_progress: ProgressCallback,
) -> None:
    """Measure cells one by one and record each result."""
    folder = job.run.folder
    first = next(iter(missing))
    on_progress(("begin", job.run.label, first))
    try:
        with time_limit(job.timeout):
            suite = job.run.store.suite
            sizes = suite.windows.stride, suite.protocol.resamples
            evaluator = Evaluator(model, data.shift_dataset, *sizes)
    except Exception as error:  # without clean forecasts a cell has nothing to be compared with
        folder.record_failures(list(missing), f"clean data: {format_error(error)}")
        for name in missing:
            on_progress(("end", job.run.label, name))
        return
    for name, cell in missing.items():
        if name != first:
            on_progress(("begin", job.run.label, name))
        start = time.perf_counter()
        entry: CellEntry = {"key": name, "status": "done", "error": "", "rows": []}
        try:
            with time_limit(job.timeout):
                entry["rows"] = [_to_json_row(result) for result in evaluator.measure(cell)]
                if job.keeps_examples:
                    entry["examples"] = example_rows(evaluator, cell, data.channel_names)
        except Exception as error:
            entry |= {"status": "failed", "error": format_error(error)}
        entry["seconds"] = time.perf_counter() - start
        folder.record_cell(entry)
        on_progress(("end", job.run.label, name))


def _load_or_train(
    job: Job, data: PreparedDataset, on_progress: ProgressCallback
) -> Reversible | None:
    """Return the run's model, from valid artefacts or trained; None if training failed."""
    run = job.run
    earlier_record = run.folder.read_training()
    if earlier_record is not None and earlier_record["status"] == "failed" and not job.retry:
        return None
    if earlier_record is not None and earlier_record["status"] == "done":
        model = _load_model(run, data, earlier_record["weights"])
        if model is not None:
            return model
    on_progress(("begin", run.label, TRAINING))
    start = time.perf_counter()
    status, error = "done", ""
    facts: dict[str, Any] = {
        "started_at": time.time(),
        "cpu": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
    }
    model: Reversible | None = None
    try:
        with time_limit(job.timeout), torch.random.fork_rng(devices=[]):
            # Seeded here, so that weights do not depend on the jobs that this worker ran before.
            torch.manual_seed(run.planned.seed)
            model, report = fit_model(run.planned.make_model_config(run.store.suite), data.split)
        facts["fit"] = dict(report)
        facts["n_params"] = sum(parameter.numel() for parameter in model.parameters())
        save_parameters(model, run.folder.weights)
        facts["weights"] = _file_sha256(run.folder.weights)
    except Exception as problem:
        model, status, error = None, "failed", format_error(problem)
    facts["train_s"] = time.perf_counter() - start
    facts["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    # Recorded after the weights, whose hash it holds, and for failures as well.
    run.record_training(status, error, **facts)
    on_progress(("end", run.label, TRAINING))
    return model


def _load_model(run: StoredRun, data: PreparedDataset, sha256: str) -> Reversible | None:
    weights = run.folder.weights
    # Truncated or changed weights are trained again.
    if not weights.is_file() or _file_sha256(weights) != sha256:
        return None
    model_config = run.planned.make_model_config(run.store.suite)
    model = model_config.build(data.split.values.shape[1])
    try:
        load_parameters(model, weights)
    except ValueError:
        return None
    return model.eval()


def _to_json_row(result: CellResult) -> dict[str, Any]:
    row = {
        name: float(value) if isinstance(value, np.floating) else value
        for name, value in result.row.items()
    }
    return {**row, "windows": encode_array(result.window_errors)}


def _file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
