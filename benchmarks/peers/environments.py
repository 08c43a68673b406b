"""An environment for each peer, installed from pinned versions."""

import hashlib
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
TORCH = "torch=="


class CannotInstallError(Exception):
    """A peer cannot be installed."""


def locate_pins(peer: str) -> Path:
    """Return the file of a peer's requirements, each with a pinned version."""
    return FOLDER / f"{peer}.txt"


def ensure_environment(peer: str, home: Path) -> Path:
    """Return the interpreter of a peer's environment, created if it does not exist.

    Args:
        peer: name of the peer, which has a file of pins.
        home: folder of the environments; other pins get another environment.

    Raises:
        CannotInstallError: pip fails.
    """
    pins = locate_pins(peer)
    folder = home / f"{peer}-{hashlib.sha256(pins.read_bytes()).hexdigest()[:8]}"
    python, complete = folder / "bin" / "python", folder / "complete"
    if complete.is_file():
        return python
    lines = pins.read_text().split()
    install = [str(python), "-m", "pip", "install", "-q", "-c", str(pins)]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        # Torch first and alone, so that the others accept the pinned build and do not pull in a
        # large one for GPUs. Settings of pip such as PIP_INDEX_URL select the build.
        [*install, *(line for line in lines if line.startswith(TORCH))],
        [*install, "-r", str(pins)],
    ):
        process = subprocess.run(command, capture_output=True, text=True)
        if process.returncode:
            output = (process.stderr.strip() or process.stdout.strip()).splitlines()
            raise CannotInstallError(output[-1] if output else f"{command} failed")
    complete.touch()
    return python
