"""Processor time of programs, on which other processes of the machine have no effect."""

import subprocess
import sys

import pytest

from tests.support.limits import HANG_SECONDS


def run_python(*arguments, text=True):
    """Run Python; return the completed process and the processor seconds of all its threads."""
    resource = pytest.importorskip("resource", reason="POSIX measures the time of child processes")

    def children_seconds():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = children_seconds()
    command = [sys.executable, *map(str, arguments)]
    completed = subprocess.run(
        command, capture_output=True, check=True, text=text, timeout=HANG_SECONDS
    )
    return completed, children_seconds() - before
