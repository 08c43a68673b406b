"""Do one run: train it once, measure it in every cell that is not on record yet."""

import hashlib
import platform
import resource
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from revin_forecast.files import replacing
from revin_forecast.fitting import fit_split
from revin_forecast.reversible import Reversible
from revin_forecast.shift.cell import CellResult, Evaluator
from revin_forecast.shift.cells import Cell
from revin_forecast.shift.claim import claimed
from revin_forecast.shift.datasets import Prepared, prepare
from revin_forecast.shift.examples import example_rows
from revin_forecast.shift.failures import append_failures
from revin_forecast.shift.job import TRAINING, Job, Tell, one_line, place_of
from revin_forecast.shift.journal import Entry, Journal, pack, seal, unseal
from revin_forecast.shift.keys import digest
from revin_forecast.shift.limits import limited
from revin_forecast.shift.plan import cell_key, cells, excluded, run_config
from revin_forecast.weights import load_parameters, save_parameters


def execute(job: Job, tell: Tell = lambda event: None) -> bool:
    """Do a run, or what is missing of it; whatever fails is put on record and the rest goes on.

    Returns:
        False: another worker is at it.
    """
    try:
        data = prepare(job.run.source, job.suite.windows, job.data_dir)
        config = run_config(job.suite, job.run, data)
    except Exception:  # without data there is no key; whoever compiles meets the error, too
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
    reasons = {name: excluded(cell, data.world) for name, cell in missing.items()}
    for name, reason in reasons.items():
        if reason is not None:
            journal.append({"key": name, "status": "excluded", "error": reason, "rows": []})
    left = {name: cell for name, cell in missing.items() if reasons[name] is None}
    if left:
        _measure(job, data, model, left, tell, journal)


def _measure(
    job: Job,
    data: Prepared,
    model: Reversible,
    missing: Mapping[str, Cell],
    tell: Tell,
    journal: Journal,
) -> None:
    """Measure cells one by one, and put each on record when it is done."""
    first = next(iter(missing))
    tell(("begin", job.run.label, first))
    try:
        with limited(job.timeout):
            sizes = job.suite.windows.stride, job.suite.protocol.resamples
            evaluator = Evaluator(model, data.world, *sizes)
    except Exception as error:  # no clean forecasts: nothing that a cell could be compared with
        append_failures(journal, list(missing), f"clean data: {one_line(error)}")
        for name in missing:
            tell(("end", job.run.label, name))
        return
    for name, cell in missing.items():
        if name != first:
            tell(("begin", job.run.label, name))
        start = time.perf_counter()
        entry: Entry = {"key": name, "status": "done", "error": "", "rows": []}
        try:
            with limited(job.timeout):
                entry["rows"] = [_row(result) for result in evaluator.measure(cell)]
                if job.examples:
                    entry["examples"] = example_rows(evaluator, cell, data.names)
        except Exception as error:
            entry |= {"status": "failed", "error": one_line(error)}
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
        model, facts = None, facts | {"status": "failed", "error": one_line(error)}
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


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
