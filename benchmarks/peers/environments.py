"""An environment for each peer, made from pins."""

import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TORCH = "torch=="


class CannotInstallError(Exception):
    """Why a peer can't be installed."""


def pins(peer: str) -> Path:
    """Return the file of a peer's requirements, every one pinned."""
    return HERE / f"{peer}.txt"


def environment(peer: str, home: Path) -> Path:
    """Return the interpreter of a peer's environment, made if it is not there.

    Torch is installed first and alone: what comes later finds the pinned one and asks for no
    other, which may be one of gigabytes for GPUs. Which build of it pip takes is said by pip's own
    settings, such as PIP_INDEX_URL.

    Args:
        peer: has a file of pins.
        home: of the environments; one of other pins is another one.

    Raises:
        CannotInstallError: pip fails.
    """
    wanted = pins(peer)
    folder = home / f"{peer}-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:8]}"
    python, complete = folder / "bin" / "python", folder / "complete"
    if complete.is_file():
        return python
    lines = wanted.read_text().split()
    install = [str(python), "-m", "pip", "install", "-q", "-c", str(wanted)]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [*install, *(line for line in lines if line.startswith(TORCH))],
        [*install, "-r", str(wanted)],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            told = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise CannotInstallError(told[-1] if told else f"{command} failed")
    complete.touch()
    return python
