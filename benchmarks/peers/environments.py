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


def locate_environment(peer: str, home: Path) -> Path:
    """Return the folder of a peer's environment; other pins get another one."""
    pins = locate_pins(peer)
    return home / f"{peer}-{hashlib.sha256(pins.read_bytes()).hexdigest()[:8]}"


def find_environment(peer: str, home: Path) -> Path | None:
    """Return the interpreter of a peer's environment, None if it does not exist."""
    folder = locate_environment(peer, home)
    return folder / "bin" / "python" if (folder / "complete").is_file() else None


def ensure_environment(peer: str, home: Path) -> Path:
    """Return the interpreter of a peer's environment, created if it does not exist.

    Args:
        peer: name of the peer, which has a file of pins.
        home: folder of the environments.

    Raises:
        CannotInstallError: pip fails.
    """
    existing = find_environment(peer, home)
    if existing is not None:
        return existing
    pins, folder = locate_pins(peer), locate_environment(peer, home)
    python = folder / "bin" / "python"
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
    (folder / "complete").touch()
    return python
