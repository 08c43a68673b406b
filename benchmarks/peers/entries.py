"""The entries of the comparison: this package, plain loops and peers, and how each is run."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.environments import CannotInstallError, ensure_environment
from benchmarks.peers.run_process import PROGRAMS, run_process

MODELS = ("NLinear", "DLinear", "TSMixer", "iTransformer", "PatchTST")
PEERS = {"neuralforecast": MODELS, "darts": MODELS[:3]}
"""Peers and the models that each has."""
EXTRAS = {"darts": ("torch",)}
"""Extras without which a distribution trains nothing."""
PACKAGE = "revin-forecast"


@dataclass(frozen=True)
class Entry:
    """One way to do a job."""

    name: str
    python: Path
    """Interpreter that runs the program."""
    program: tuple[str, ...]
    """File in `programs/`, and words after the path of the job."""
    models: tuple[str, ...] = MODELS
    """Models that it has."""

    def build_command(self, job: Path) -> list[str | Path]:
        """Return the command that does a job."""
        file, *words = self.program
        return [self.python, PROGRAMS / file, job, *words]


def list_own_entries() -> tuple[Entry, ...]:
    """Return this package, which all ratios are relative to, and plain loops around its models."""
    python = Path(sys.executable)
    return (
        Entry(PACKAGE, python, ("job_ours.py",)),
        Entry("tensor loop", python, ("job_loops.py", "tensor")),
        Entry("DataLoader loop", python, ("job_loops.py", "dataset")),
    )


def install_peers(names: Sequence[str], home: Path) -> tuple[list[Entry], list[str]]:
    """Install each peer in an environment; return the entries and a line for each failure."""
    entries, failures = [], []
    for name in names:
        try:
            python = ensure_environment(name, home)
        except CannotInstallError as error:
            failures.append(f"{name} could not be installed and is left out: {error}")
        else:
            entries.append(Entry(name, python, (f"job_{name}.py",), PEERS[name]))
    return entries, failures


def measure_installed_size(entry: Entry) -> dict[str, Any]:
    """Return version and size of an entry's distribution; see programs/installed_size.py."""
    extras = EXTRAS.get(entry.name, ())
    command = [entry.python, PROGRAMS / "installed_size.py", entry.name, *extras]
    return json.loads(run_process(command).out)
