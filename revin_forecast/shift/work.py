"""Do one run: train it once, measure it in every cell that is not on record yet."""

import hashlib
import platform
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from revin_forecast.files import replacing
from revin_forecast.fitting import fit_split
from revin_forecast.reversible import Reversible
from revin_forecast.shift.cell import CellResult, Evaluator
from revin_forecast.shift.claim import claimed
from revin_forecast.shift.datasets import Prepared, prepare
from revin_forecast.shift.examples import example_rows
from revin_forecast.shift.journal import Entry, Journal, pack, seal, unseal
from revin_forecast.shift.keys import digest
from revin_forecast.shift.limits import limited
from revin_forecast.shift.plan import Run, cell_key, cells, excluded, run_config
from revin_forecast.shift.suite import Suite
from revin_forecast.weights import load_parameters, save_parameters

Event = tuple[Literal["begin", "end"], str, str]
"""What a worker tells: a unit of work begins or ends; its run's label, and the unit's own."""
Tell = Callable[[Event], None]
TRAINING = "training"


@dataclass(frozen=True)
class Job:
    """All that a worker needs to know, on whatever machine."""

    suite: Suite
    run: Run
    folder: str
    """Of the benchmark's artefacts."""
    data_dir: str | None = None
    timeout: float = 600.0
    """Seconds that one training or one cell may take."""
    retry: bool = False
    """Do again what failed."""
    examples: bool = False
    """Keep a few windows to draw."""


def place_of(job: Job, key: str) -> Path:
    """Return the folder of a run."""
    return Path(job.folder) / "runs" / key[:32]


def execute(job: Job, tell: Tell = lambda event: None) -> bool:
    """Do a run, or what is missing of it; whatever fails is put on record and the rest goes on.

    Returns:
        False: another worker is at it.
    """
    try:
        data = prepare(job.run.source, job.suite.windows, job.data_dir)
        config = run_config(job.suite, job.run, data)
    except Exception as error:  # without data there is no key: the failure is kept by label
        _fail_without_data(job, error)
        return True
    key = digest(config)
    folder = place_of(job, key)
    with claimed(folder) as mine:
        if mine:
            _work(job, data, key, config, tell)
    return mine


def _work(job: Job, data: Prepared, key: str, config: dict[str, Any], tell: Tell) -> None:
    folder = place_of(job, key)
    journal = Journal(folder / "cells.jsonl")
    entries = journal.repair()
    model = _trained(job, data, key, config, tell)
    if model is None:
        return
    wanted = {cell_key(key, job.suite, cell): cell for cell in cells(job.suite, job.run.source)}
    missing = {
        name: cell
        for name, cell in wanted.items()
        if name not in entries or (job.retry and entries[name]["status"] == "failed")
    }
    if not missing:
        return
    evaluator: Evaluator | None = None
    for name, cell in missing.items():
        tell(("begin", job.run.label, name))
        start = time.perf_counter()
        entry: Entry = {"key": name, "status": "done", "error": "", "rows": []}
        try:
            reason = excluded(cell, data.world)
            if reason is not None:
                entry |= {"status": "excluded", "error": reason}
            else:
                with limited(job.timeout):
                    if evaluator is None:
                        sizes = job.suite.windows.stride, job.suite.protocol.resamples
                        evaluator = Evaluator(model, data.world, *sizes)
                    entry["rows"] = [_row(result) for result in evaluator.measure(cell)]
                    if job.examples:
                        entry["examples"] = example_rows(evaluator, cell, data.names)
        except Exception as error:
            entry |= {"status": "failed", "error": _one_line(error)}
        entry["seconds"] = time.perf_counter() - start
        journal.append(entry)
        tell(("end", job.run.label, name))


def _trained(
    job: Job, data: Prepared, key: str, config: dict[str, Any], tell: Tell
) -> Reversible | None:
    """Return the run's model, from its artefacts where they are whole; None: it can't be had."""
    folder = place_of(job, key)
    record = unseal(folder / "run.json")
    if record is not None and record["status"] == "failed" and not job.retry:
        return None
    if record is not None and record["status"] == "done":
        model = _loaded(job, data, folder, record)
        if model is not None:
            return model
    tell(("begin", job.run.label, TRAINING))
    start = time.perf_counter()
    facts: dict[str, Any] = {"key": key, "config": config, "status": "done", "error": ""}
    facts |= {"started_at": time.time(), "cpu": platform.processor() or platform.machine()}
    facts |= {"threads": torch.get_num_threads(), "python": platform.python_version()}
    model: Reversible | None = None
    try:
        with limited(job.timeout), torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.run.seed)
            model, report = fit_split(job.run.recipe(job.suite), data.split)
        facts["fit"] = dict(report)
        facts["n_params"] = sum(one.numel() for one in model.parameters())
        save_parameters(model, folder / "weights.safetensors")
        facts["weights"] = _sha256(folder / "weights.safetensors")
    except Exception as error:
        model, facts = None, facts | {"status": "failed", "error": _one_line(error)}
    facts["train_s"] = time.perf_counter() - start
    facts["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with replacing(folder / "run.json") as partial:
        partial.write_text(seal(facts), encoding="utf-8")
    tell(("end", job.run.label, TRAINING))
    return model


def _loaded(job: Job, data: Prepared, folder: Path, record: dict[str, Any]) -> Reversible | None:
    path = folder / "weights.safetensors"
    if not path.is_file() or _sha256(path) != record["weights"]:
        return None
    model = job.run.recipe(job.suite).build(data.split.values.shape[1])
    try:
        load_parameters(model, path)
    except ValueError:
        return None
    return model.eval()


def _row(result: CellResult) -> dict[str, Any]:
    facts = {
        name: float(value) if isinstance(value, np.floating) else value
        for name, value in result.facts.items()
    }
    return {**facts, "windows": pack(result.windows)}


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
            _append_failures(folder, [unit], error)


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
            _append_failures(folder, wanted, error)


def _append_failures(folder: Path, keys: Sequence[str], error: str) -> None:
    journal = Journal(folder / "cells.jsonl")
    known = journal.repair()
    for key in keys:
        if key not in known:
            journal.append({"key": key, "status": "failed", "error": error, "rows": []})


def _fail_without_data(job: Job, error: Exception) -> None:
    folder = Path(job.folder) / "failures"
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(job.run.label.encode()).hexdigest()[:32]
    with replacing(folder / f"{name}.json") as partial:
        partial.write_text(seal({"label": job.run.label, "error": _one_line(error)}))


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
