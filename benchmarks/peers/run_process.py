"""Measured commands: each runs in a process of its own, one thread, nothing beside it."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
SHOWN = 2000
"""Last characters of a failed command's errors that are told."""


@dataclass(frozen=True)
class Ran:
    """What a process took."""

    seconds: float
    """From its start to its end."""
    core_seconds: float
    """Of a processor."""
    peak_mib: float
    """Its largest resident memory."""
    printed: int
    """Bytes on its two output streams."""
    out: str
    """What it printed on standard output."""


def run(
    command: Sequence[str | Path], before: Sequence[str] = (), folder: Path | None = None
) -> Ran:
    """Run a command and measure it.

    Args:
        command: what is run.
        before: words that start it, such as taskset -c 1; they are not measured.
        folder: where it runs.

    Raises:
        SystemExit: it failed.
    """
    words = [*before, sys.executable, str(PROGRAMS / "timed_run.py"), *map(str, command)]
    done = subprocess.run(
        words, capture_output=True, text=True, check=True, cwd=folder, env=os.environ | ONE_THREAD
    )
    told = json.loads(done.stdout)
    code, errors = told.pop("code"), told.pop("err")
    if code:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {code}:\n{errors[-SHOWN:]}")
    return Ran(**told)
