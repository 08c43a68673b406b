"""Who takes part, with which models, and how each is run."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.environments import CannotInstallError, environment
from benchmarks.peers.run_process import PROGRAMS, run

MODELS = ("NLinear", "DLinear", "TSMixer", "iTransformer", "PatchTST")
PEERS = {"neuralforecast": MODELS, "darts": MODELS[:3]}
"""With the models that each has."""
EXTRAS = {"darts": ("torch",)}
"""Without which a distribution trains nothing."""
PACKAGE = "revin-forecast"


@dataclass(frozen=True)
class Contender:
    """Somebody's way to do a job."""

    name: str
    python: Path
    """The interpreter that runs it."""
    program: tuple[str, ...]
    """A file of this folder, and words after the job's path."""
    models: tuple[str, ...] = MODELS
    """Those it has."""

    def command(self, job: Path) -> list[str | Path]:
        """Return the words that do a job."""
        file, *words = self.program
        return [self.python, PROGRAMS / file, job, *words]


def ours() -> tuple[Contender, ...]:
    """Return this package, which all ratios are relative to, and the loops around its models."""
    python = Path(sys.executable)
    return (
        Contender(PACKAGE, python, ("job_ours.py",)),
        Contender("tensor loop", python, ("job_loops.py", "tensor")),
        Contender("DataLoader loop", python, ("job_loops.py", "dataset")),
    )


def peers(names: Sequence[str], home: Path) -> Iterator[Contender | str]:
    """Yield each peer in an environment of its own, or in a line why it can't take part."""
    for name in names:
        try:
            python = environment(name, home)
        except CannotInstallError as error:
            yield f"{name} could not be installed and is left out: {error}"
        else:
            yield Contender(name, python, (f"job_{name}.py",), PEERS[name])


def brought_along(contender: Contender) -> dict[str, Any]:
    """Return version and size of a contender's distribution; see installed_size.py."""
    name = contender.name
    words = [contender.python, PROGRAMS / "installed_size.py", name, *EXTRAS.get(name, ())]
    return json.loads(run(words).out)
