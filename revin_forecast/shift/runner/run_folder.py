"""The files of one run: its training, its weights, and a journal of its finished cells."""

import base64
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from revin_forecast.errors import InputError
from revin_forecast.shift.suite.fingerprint import fingerprint
from revin_forecast.utils.files import atomic_write

CellEntry = dict[str, Any]
"""A cell's record: key, status, error and rows; each row has metrics and encoded window errors."""


def encode_array(values: np.ndarray) -> str:
    """Return float32 values as text, bit for bit."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()


def decode_array(text: str) -> np.ndarray:
    """Return the values of an encoded array."""
    return np.frombuffer(base64.b64decode(text), dtype="<f4")


class RunFolder:
    """The files of one run, which a kill at any moment leaves usable.

    `run.json` describes the training and certifies the weights. `cells.jsonl` is a journal with one
    line for each finished cell. Both carry their own digests: a record that a kill has truncated,
    or that was changed, is ignored and its work done again.

    Only the holder of the lock may write. Everyone may read.

    Args:
        path: the folder, which need not exist.
    """

    # A journal, not a database: sqlite needs locks of byte ranges, and warns that these are broken
    # on many network disks, where two writers can destroy the whole file. Here they can spoil some
    # lines, which are measured again.

    def __init__(self, path: Path):
        self.path = path
        self.weights = path / "weights.safetensors"
        self.training = path / "run.json"
        self.journal = path / "cells.jsonl"

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Lock the folder and yield whether that succeeded; another worker may hold the lock.

        The lock of a process that has ended is free at once, also if it was killed and its parent
        has not waited for it. On a shared disk the file server frees the locks of a machine that is
        gone.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        # FileLock, whose lock is the kernel's. A SoftFileLock is a file that names its process: it
        # outlives a zombie, a process on another machine, and before filelock 3.22 every killed
        # process.
        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def read_training(self) -> dict[str, Any] | None:
        """Return the record of the training; None if it is missing, truncated or changed."""
        return _parse_signed(self.training.read_bytes()) if self.training.is_file() else None

    def record_training(self, record: Mapping[str, Any]) -> None:
        """Write the record of the training, after the weights whose hash it holds."""
        with atomic_write(self.training) as partial:
            partial.write_text(_sign(record, indent=1), encoding="utf-8")

    def read_cells(self) -> dict[str, CellEntry]:
        """Return the cells' entries with a valid digest, by key; the last entry of a key counts."""
        if not self.journal.is_file():
            return {}
        entries = map(_parse_signed, self.journal.read_bytes().split(b"\n"))
        return {entry["key"]: entry for entry in entries if entry is not None}

    def repair_cells(self) -> dict[str, CellEntry]:
        """Remove invalid lines of the journal, so that new ones can follow; return the entries."""
        entries = self.read_cells()
        self._write_cells(entries.values())
        return entries

    def _write_cells(self, entries: Iterable[CellEntry]) -> None:
        """Let the journal hold these entries."""
        text = "".join(_sign(entry) + "\n" for entry in entries)
        if self.journal.is_file() and self.journal.read_bytes() != text.encode():
            with atomic_write(self.journal) as partial:
                partial.write_text(text, encoding="utf-8")

    def record_cell(self, entry: CellEntry) -> None:
        """Append a cell's entry to the journal, which must have been repaired."""
        # One unbuffered write: a kill leaves at most one truncated line.
        with self.journal.open("ab", buffering=0) as file:
            file.write(f"{_sign(entry)}\n".encode())

    def record_failures(self, keys: Sequence[str], error: str) -> None:
        """Record cells as failed, except those that are recorded as done or excluded.

        Args:
            keys: keys of the cells.
            error: one line.
        """
        entries = self.repair_cells()
        for key in keys:
            if key not in entries or entries[key]["status"] == "failed":
                self.record_cell({"key": key, "status": "failed", "error": error, "rows": []})

    def forget_failures(self) -> None:
        """Remove failed cells from the journal, and the record of a failed training."""
        if (self.read_training() or {}).get("status") == "failed":
            self.training.unlink()
        entries = self.read_cells().values()
        self._write_cells([entry for entry in entries if entry["status"] != "failed"])

    def merge(self, source: "RunFolder") -> None:
        """Copy the results of the same run from another folder.

        Raises:
            InputError: a benchmark is measuring this run.
        """
        with self.lock() as is_locked:
            if not is_locked:
                raise InputError(
                    f"{self.path} is in use by a running benchmark; merge when it has finished."
                )
            self._copy_results(source)

    def _copy_results(self, source: "RunFolder") -> None:
        if (self.read_training() or {}).get("status") != "done":
            # The record of the training last: it certifies the weights.
            for path in (source.weights, source.training):
                if path.is_file():
                    shutil.copy2(path, self.path / path.name)
        entries = self.repair_cells()
        for key, entry in source.read_cells().items():
            # A result replaces a failure, which another machine may not have had.
            statuses = entries.get(key, {}).get("status"), entry["status"]
            if key not in entries or statuses == ("failed", "done"):
                self.record_cell(entry)


def _sign(content: Mapping[str, Any], indent: int | None = None) -> str:
    """Return a JSON document that contains its own digest."""
    return json.dumps({**content, "digest": fingerprint(content)}, sort_keys=True, indent=indent)


def _parse_signed(text: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(text)
        digest = content.pop("digest")
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
    return content if digest == fingerprint(content) else None
