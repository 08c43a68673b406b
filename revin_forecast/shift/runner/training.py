"""Train the model of a run and record it, or load it from its weights."""

import hashlib
import platform
import resource
import time
from pathlib import Path
from typing import Any

import torch

from revin_forecast.models.reversible import Reversible
from revin_forecast.parameters.weights import load_parameters, save_parameters
from revin_forecast.shift.runner.job import Job, ProgressCallback
from revin_forecast.shift.runner.store import TRAINING, StoredRun, format_error
from revin_forecast.shift.runner.time_limit import USER_ERRORS, TimeLimitError, time_limit
from revin_forecast.training.fit import fit_model
from revin_forecast.utils.parallel.engine import SpoiledWorkerError


def has_weights(run: StoredRun) -> bool:
    """Return whether the run is trained and its weights are those of the record."""
    record, weights = run.folder.read_training(), run.folder.weights
    if record is None or record["status"] != "done" or not weights.is_file():
        return False
    return _file_sha256(weights) == record["weights"]  # else they are truncated or changed


def load_model(run: StoredRun) -> Reversible:
    """Return the trained model of a run with weights.

    Raises:
        ValueError: the weights do not belong to the model.
    """
    config = run.planned.make_model_config(run.store.suite)
    model = config.build(run.dataset.split.values.shape[1])
    load_parameters(model, run.folder.weights)
    return model.eval()


def train(job: Job, on_progress: ProgressCallback) -> Reversible | None:
    """Train the run's model and record it; return None if that failed.

    Raises:
        SpoiledWorkerError: the training exceeded its time limit, and is recorded as failed.
    """
    run = job.run
    on_progress(("begin", run.label, TRAINING))
    start = time.perf_counter()
    facts: dict[str, Any] = {
        "started_at": time.time(),
        "cpu": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
    }
    model: Reversible | None = None
    failure: BaseException | None = None
    try:
        with time_limit(job.timeout), torch.random.fork_rng(devices=[]):
            # Seeded here, so that weights do not depend on the jobs that this worker ran before.
            torch.manual_seed(run.planned.seed)
            config = run.planned.make_model_config(run.store.suite)
            model, report = fit_model(config, run.dataset.split)
        facts["fit"] = dict(report)
        facts["n_params"] = sum(parameter.numel() for parameter in model.parameters())
        save_parameters(model, run.folder.weights)
        facts["weights"] = _file_sha256(run.folder.weights)
    except USER_ERRORS as error:
        model, failure = None, error
    facts["train_s"] = time.perf_counter() - start
    facts["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    # Recorded after the weights, whose hash it holds, and for failures as well.
    status = "done" if failure is None else "failed"
    run.record_training(status, "" if failure is None else format_error(failure), **facts)
    on_progress(("end", run.label, TRAINING))
    replace_after_time_out(failure)
    return model


def replace_after_time_out(failure: BaseException | None) -> None:
    """Let the engine replace this process if the failure is a time-out, once it is recorded.

    The interrupted code may have been an import, a cache or a lock, which others need whole.

    Raises:
        SpoiledWorkerError: the failure is a time-out.
    """
    if isinstance(failure, TimeLimitError):
        raise SpoiledWorkerError(str(failure)) from failure


def _file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
