"""The journal of a run: one JSON line for each finished cell, with its own digest."""

import base64
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from revin_forecast.errors import InputError
from revin_forecast.shift.runner.job import ARTEFACTS, TRAINING, Job, run_folder
from revin_forecast.shift.runner.lock import run_lock
from revin_forecast.shift.suite.datasets import prepare_dataset
from revin_forecast.shift.suite.fingerprint import fingerprint
from revin_forecast.shift.suite.plan import cell_key, plan_cells, run_config
from revin_forecast.utils.files import atomic_write

JournalEntry = dict[str, Any]
"""A cell's record: key, status, error and rows; each row has metrics and encoded window errors."""


def encode_array(values: np.ndarray) -> str:
    """Return float32 values as text, bit for bit."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()


def decode_array(text: str) -> np.ndarray:
    """Return the values of an encoded array."""
    return np.frombuffer(base64.b64decode(text), dtype="<f4")


class Journal:
    """An append-only file of a run's finished cells.

    A line that a kill has truncated, or that was changed, fails its digest. It is ignored and its
    cell measured again.

    Args:
        path: the file, which need not exist.
    """

    def __init__(self, path: Path):
        self.path = path

    def read(self) -> dict[str, JournalEntry]:
        """Return the entries with a valid digest, by key; the last entry of a key counts."""
        if not self.path.is_file():
            return {}
        entries = map(_parse_signed, self.path.read_bytes().split(b"\n"))
        return {entry["key"]: entry for entry in entries if entry is not None}

    def repair(self) -> dict[str, JournalEntry]:
        """Remove invalid lines, so that new lines can follow; return the entries."""
        entries = self.read()
        text = "".join(map(_format_line, entries.values()))
        if self.path.is_file() and self.path.read_bytes() != text.encode():
            with atomic_write(self.path) as partial:
                partial.write_text(text, encoding="utf-8")
        return entries

    def append(self, entry: JournalEntry) -> None:
        """Append an entry in a single write."""
        # One unbuffered write: a kill leaves at most one truncated line.
        with self.path.open("ab", buffering=0) as file:
            file.write(_format_line(entry).encode())


def dump_signed(content: Mapping[str, Any]) -> str:
    """Return a JSON document that contains its own digest."""
    return json.dumps({**content, "digest": fingerprint(content)}, sort_keys=True, indent=1)


def load_signed(path: Path) -> dict[str, Any] | None:
    """Return a signed document; None if it is missing, truncated or changed."""
    if not path.is_file():
        return None
    return _parse_signed(path.read_bytes())


def _format_line(entry: Mapping[str, Any]) -> str:
    return json.dumps({**entry, "digest": fingerprint(entry)}, sort_keys=True) + "\n"


def _parse_signed(line: bytes) -> JournalEntry | None:
    try:
        entry = json.loads(line)
        digest = entry.pop("digest")
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
    return entry if digest == fingerprint(entry) else None


def record_failure(job: Job, unit: str, error: str) -> None:
    """Record the failure of a worker that was killed or died before it could.

    Args:
        job: the worker's job.
        unit: `TRAINING`, or the key of a cell.
        error: one line.
    """
    data = prepare_dataset(job.run.dataset_config, job.suite.windows, job.data_dir)
    config = run_config(job.suite, job.run, data)
    folder = run_folder(job, key := fingerprint(config))
    with run_lock(folder) as is_locked:
        if is_locked and unit == TRAINING:
            record = {"key": key, "config": config, "status": "failed", "error": error}
            with atomic_write(folder / "run.json") as partial:
                partial.write_text(dump_signed(record), encoding="utf-8")
        elif is_locked:
            append_failures(Journal(folder / "cells.jsonl"), [unit], error)


def fail_remaining(job: Job, error: str) -> None:
    """Record all unmeasured cells of a run as failed, as the run crashes every worker.

    Args:
        job: job of the run.
        error: one line.
    """
    data = prepare_dataset(job.run.dataset_config, job.suite.windows, job.data_dir)
    key = fingerprint(run_config(job.suite, job.run, data))
    planned_keys = [
        cell_key(key, job.suite, cell) for cell in plan_cells(job.suite, job.run.dataset_config)
    ]
    folder = run_folder(job, key)
    with run_lock(folder) as is_locked:
        if is_locked:
            append_failures(Journal(folder / "cells.jsonl"), planned_keys, error)


def append_failures(journal: Journal, keys: Sequence[str], error: str) -> None:
    """Record cells as failed, except those that are recorded as done or excluded.

    Args:
        journal: journal of their run, whose folder must be locked.
        keys: keys of the cells.
        error: one line.
    """
    entries = journal.repair()
    for key in keys:
        if key not in entries or entries[key]["status"] == "failed":
            journal.append({"key": key, "status": "failed", "error": error, "rows": []})


def merge_folders(parts: Sequence[Path], folder: Path) -> None:
    """Copy the artefacts of several benchmark folders into one; equal keys have equal results.

    Args:
        parts: folders that `benchmark` wrote to.
        folder: target, which may have artefacts already.

    Raises:
        InputError: a folder without artefacts.
    """
    for part in parts:
        if not (part / ARTEFACTS).is_dir():
            raise InputError(
                f"{part} is not the folder of a benchmark: it has no {ARTEFACTS}/. Pass folders "
                "that `benchmark --out` wrote to."
            )
        for run in sorted((part / ARTEFACTS / "runs").glob("*")):
            _merge_run(run, folder / ARTEFACTS / "runs" / run.name)


def _merge_run(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    if (load_signed(target / "run.json") or {}).get("status") != "done":
        # run.json last: it certifies the weights.
        for name in ("weights.safetensors", "run.json"):
            if (source / name).is_file():
                shutil.copy2(source / name, target / name)
    journal = Journal(target / "cells.jsonl")
    entries = journal.repair()
    for key, entry in Journal(source / "cells.jsonl").read().items():
        # A result replaces a failure, which another machine may not have had.
        if key not in entries or (entries[key]["status"], entry["status"]) == ("failed", "done"):
            journal.append(entry)


@dataclass(frozen=True)
class RunProgress:
    """Number of recorded and planned cells of a run."""

    is_trained: bool = False
    recorded_cells: int = 0
    """Cells that are measured, failed or excluded."""
    planned_cells: int = 0


def read_progress(jobs: Sequence[Job]) -> dict[str, RunProgress]:
    """Return the progress of each run, by label; zero where its data can't be read."""
    return {job.run.label: _read_run_progress(job) for job in jobs}


def _read_run_progress(job: Job) -> RunProgress:
    planned_cells = plan_cells(job.suite, job.run.dataset_config)
    try:
        data = prepare_dataset(job.run.dataset_config, job.suite.windows, job.data_dir)
        key = fingerprint(run_config(job.suite, job.run, data))
    except Exception:  # the run itself records the error
        return RunProgress(planned_cells=len(planned_cells))
    folder = run_folder(job, key)
    is_trained = load_signed(folder / "run.json") is not None
    entries = Journal(folder / "cells.jsonl").read() if is_trained else {}
    recorded = (
        sum(cell_key(key, job.suite, cell) in entries for cell in planned_cells) if entries else 0
    )
    return RunProgress(is_trained, recorded, len(planned_cells))
