"""Measured processes: each command runs alone, on one thread."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
MAX_ERROR_CHARACTERS = 2000
"""Last characters of the error stream in the message of a failed command."""


@dataclass(frozen=True)
class ProcessResult:
    """Time, memory and output of a process."""

    seconds: float
    """Seconds from its start to its end."""
    core_seconds: float
    """Processor seconds."""
    peak_mib: float
    """Largest resident memory."""
    printed: int
    """Bytes on its two output streams."""
    out: str
    """Standard output."""


def run_process(
    command: Sequence[str | Path], before: Sequence[str] = (), folder: Path | None = None
) -> ProcessResult:
    """Run a command and measure it.

    Args:
        command: the measured command.
        before: words that start it, such as taskset -c 1; they are not measured.
        folder: working folder of the command.

    Raises:
        SystemExit: the command failed.
    """
    words = [*before, sys.executable, str(PROGRAMS / "timed_run.py"), *map(str, command)]
    process = subprocess.run(
        words, capture_output=True, text=True, check=True, cwd=folder, env=os.environ | ONE_THREAD
    )
    result = json.loads(process.stdout)
    code, errors = result.pop("code"), result.pop("err")
    if code:
        errors = errors[-MAX_ERROR_CHARACTERS:]
        raise SystemExit(f"{' '.join(map(str, command))} ended with {code}:\n{errors}")
    return ProcessResult(**result)
