import subprocess
import sys
from pathlib import Path


def test_traced_programs():
    """In a process of its own: the run-time shape checks of this one can't be traced."""
    programs = Path(__file__).with_name("compiled_programs.py")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-o",
        "addopts=",
        "-p",
        "no:cacheprovider",
        "--show-capture=no",
        "-n",
        "2",
    ]
    done = subprocess.run([*command, str(programs)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "147 passed" in done.stdout
