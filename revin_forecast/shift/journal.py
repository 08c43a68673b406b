"""Results of one run as they come: one JSON line a cell, each with its own digest."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from revin_forecast.files import atomic_write
from revin_forecast.shift.keys import fingerprint

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
