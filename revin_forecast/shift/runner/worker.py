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
from revin_forecast.shift.runner.job import (
    TRAINING,
    Job,
    ProgressCallback,
    format_error,
    run_folder,
)
from revin_forecast.shift.runner.journal import (
    Journal,
    JournalEntry,
    append_failures,
    dump_signed,
    encode_array,
    load_signed,
)
from revin_forecast.shift.runner.lock import run_lock
from revin_forecast.shift.suite.datasets import PreparedDataset, prepare_dataset
from revin_forecast.shift.suite.fingerprint import fingerprint
from revin_forecast.shift.suite.plan import cell_key, exclusion_reason, plan_cells, run_config
from revin_forecast.training.fit import fit_model
from revin_forecast.utils.files import atomic_write


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
    try:
        data = prepare_dataset(job.run.dataset_config, job.suite.windows, job.data_dir)
        config = run_config(job.suite, job.run, data)
    except Exception:  # without data there is no key; `compile_results` reports the error
        return True
    key = fingerprint(config)
    folder = run_folder(job, key)
    with run_lock(folder) as is_locked:
        if is_locked:
            _run_locked(job, data, key, config, on_progress)
    return is_locked


def _run_locked(
    job: Job, data: PreparedDataset, key: str, config: dict[str, Any], on_progress: ProgressCallback
) -> None:
    folder = run_folder(job, key)
    journal = Journal(folder / "cells.jsonl")
    entries = journal.repair()
    model = _load_or_train(job, data, key, config, on_progress)
    if model is None:
        return
    planned = {
        cell_key(key, job.suite, cell): cell
        for cell in plan_cells(job.suite, job.run.dataset_config)
    }
    missing = {
        name: cell
        for name, cell in planned.items()
        if name not in entries or (job.retry and entries[name]["status"] == "failed")
    }
    # Excluded cells are recorded, so that the tables can state the reason.
    reasons = {name: exclusion_reason(cell, data.shift_dataset) for name, cell in missing.items()}
    for name, reason in reasons.items():
        if reason is not None:
            journal.append({"key": name, "status": "excluded", "error": reason, "rows": []})
    to_measure = {name: cell for name, cell in missing.items() if reasons[name] is None}
    if to_measure:
        _measure_cells(job, data, model, to_measure, on_progress, journal)


def _measure_cells(
    job: Job,
    data: PreparedDataset,
    model: Reversible,
    missing: Mapping[str, Cell],
    on_progress: ProgressCallback,
    journal: Journal,
) -> None:
    """Measure cells one by one and append each result to the journal."""
    first = next(iter(missing))
    on_progress(("begin", job.run.label, first))
    try:
        with time_limit(job.timeout):
            sizes = job.suite.windows.stride, job.suite.protocol.resamples
            evaluator = Evaluator(model, data.shift_dataset, *sizes)
    except Exception as error:  # without clean forecasts a cell has nothing to be compared with
        append_failures(journal, list(missing), f"clean data: {format_error(error)}")
        for name in missing:
            on_progress(("end", job.run.label, name))
        return
    for name, cell in missing.items():
        if name != first:
            on_progress(("begin", job.run.label, name))
        start = time.perf_counter()
        entry: JournalEntry = {"key": name, "status": "done", "error": "", "rows": []}
        try:
            with time_limit(job.timeout):
                entry["rows"] = [_to_json_row(result) for result in evaluator.measure(cell)]
                if job.keeps_examples:
                    entry["examples"] = example_rows(evaluator, cell, data.channel_names)
        except Exception as error:
            entry |= {"status": "failed", "error": format_error(error)}
        entry["seconds"] = time.perf_counter() - start
        journal.append(entry)
        on_progress(("end", job.run.label, name))


def _load_or_train(
    job: Job, data: PreparedDataset, key: str, config: dict[str, Any], on_progress: ProgressCallback
) -> Reversible | None:
    """Return the run's model, from valid artefacts or trained; None if training failed."""
    folder = run_folder(job, key)
    earlier_record = load_signed(folder / "run.json")
    if earlier_record is not None and earlier_record["status"] == "failed" and not job.retry:
        return None
    if earlier_record is not None and earlier_record["status"] == "done":
        model = _load_model(job, data, folder, earlier_record)
        if model is not None:
            return model
    on_progress(("begin", job.run.label, TRAINING))
    start = time.perf_counter()
    record: dict[str, Any] = {"key": key, "config": config, "status": "done", "error": ""}
    record |= {"started_at": time.time(), "cpu": platform.processor() or platform.machine()}
    record |= {"threads": torch.get_num_threads(), "python": platform.python_version()}
    model: Reversible | None = None
    try:
        with time_limit(job.timeout), torch.random.fork_rng(devices=[]):
            # Seeded here, so that weights do not depend on the jobs that this worker ran before.
            torch.manual_seed(job.run.seed)
            model, report = fit_model(job.run.make_model_config(job.suite), data.split)
        record["fit"] = dict(report)
        record["n_params"] = sum(parameter.numel() for parameter in model.parameters())
        save_parameters(model, folder / "weights.safetensors")
        record["weights"] = _file_sha256(folder / "weights.safetensors")
    except Exception as error:
        model, record = None, record | {"status": "failed", "error": format_error(error)}
    record["train_s"] = time.perf_counter() - start
    record["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    # Written after the weights, whose hash it holds, and for failures as well.
    with atomic_write(folder / "run.json") as partial:
        partial.write_text(dump_signed(record), encoding="utf-8")
    on_progress(("end", job.run.label, TRAINING))
    return model


def _load_model(
    job: Job, data: PreparedDataset, folder: Path, record: dict[str, Any]
) -> Reversible | None:
    path = folder / "weights.safetensors"
    # Truncated or changed weights are trained again.
    if not path.is_file() or _file_sha256(path) != record["weights"]:
        return None
    model = job.run.make_model_config(job.suite).build(data.split.values.shape[1])
    try:
        load_parameters(model, path)
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
