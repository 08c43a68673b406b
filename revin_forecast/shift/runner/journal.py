"""Results of one run as they come: one JSON line a cell, each with its own digest."""

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
"""A cell's record: key, status, error, rows; each row with facts and packed window errors."""


def encode_array(values: np.ndarray) -> str:
    """Return float32 values as text, bit for bit."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()


def decode_array(text: str) -> np.ndarray:
    """Return what was packed."""
    return np.frombuffer(base64.b64decode(text), dtype="<f4")


class Journal:
    """A run's finished cells in a file that only grows.

    A line that was cut off by a kill, or changed since, is not believed: its cell is measured
    again. What was finished stays.

    Args:
        path: of the file; it need not be there.
    """

    def __init__(self, path: Path):
        self.path = path

    def read(self) -> dict[str, JournalEntry]:
        """Return the entries whose digest is right, by key; the last of a key counts."""
        if not self.path.is_file():
            return {}
        entries = map(_parse_signed, self.path.read_bytes().split(b"\n"))
        return {entry["key"]: entry for entry in entries if entry is not None}

    def repair(self) -> dict[str, JournalEntry]:
        """Drop the lines that are not believed, so that the file can grow on; return the rest."""
        entries = self.read()
        text = "".join(map(_format_line, entries.values()))
        if self.path.is_file() and self.path.read_bytes() != text.encode():
            with atomic_write(self.path) as partial:
                partial.write_text(text, encoding="utf-8")
        return entries

    def append(self, entry: JournalEntry) -> None:
        """Add a finished cell in one write."""
        with self.path.open("ab", buffering=0) as file:
            file.write(_format_line(entry).encode())


def dump_signed(content: Mapping[str, Any]) -> str:
    """Return a JSON document that carries its own digest."""
    return json.dumps({**content, "digest": fingerprint(content)}, sort_keys=True, indent=1)


def load_signed(path: Path) -> dict[str, Any] | None:
    """Return what was sealed; None where it is not there, cut off or changed."""
    if not path.is_file():
        return None
    return _parse_signed(path.read_bytes())


def _format_line(entry: Mapping[str, Any]) -> str:
    return json.dumps({**entry, "digest": fingerprint(entry)}, sort_keys=True) + "\n"


def _parse_signed(line: bytes) -> JournalEntry | None:
    try:
        entry = json.loads(line)
        claimed = entry.pop("digest")
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
    return entry if claimed == fingerprint(entry) else None


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
    wanted = [
        cell_key(key, job.suite, cell) for cell in plan_cells(job.suite, job.run.dataset_config)
    ]
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


def merge_folders(parts: Sequence[Path], folder: Path) -> None:
    """Put the artefacts of several benchmark folders together; results of a key are the same.

    Args:
        parts: folders that `benchmark` wrote to.
        folder: gets all of them; it may hold some already.

    Raises:
        InputError: a folder that holds none.
    """
    for part in parts:
        if not (part / ARTEFACTS).is_dir():
            raise InputError(f"{part} is no benchmark's folder: it holds no {ARTEFACTS}/.")
        for run in sorted((part / ARTEFACTS / "runs").glob("*")):
            _merge_run(run, folder / ARTEFACTS / "runs" / run.name)


def _merge_run(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    if (load_signed(target / "run.json") or {}).get("status") != "done":
        for name in ("weights.safetensors", "run.json"):
            if (source / name).is_file():
                shutil.copy2(source / name, target / name)
    ours = Journal(target / "cells.jsonl")
    known = ours.repair()
    for key, entry in Journal(source / "cells.jsonl").read().items():
        if key not in known or (known[key]["status"], entry["status"]) == ("failed", "done"):
            ours.append(entry)


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
