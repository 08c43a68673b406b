"""Record outputs of the authors' RevIN.

Clone https://github.com/ts-kim/RevIN and check out the commit below.
"""

import importlib
from pathlib import Path
from typing import Any

import torch

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, prepare, run_recording
from revin_forecast import RevIN

SOURCE = Source("https://github.com/ts-kim/RevIN", "fee40bc6c87cb536d048bcf1c14c4ed644b875e1")
PARAMETERS: dict[str, Any] = {"channels": 3, "eps": 1e-5, "affine": "unguarded"}


def record(_: Path, out: Path) -> None:
    """Record both directions, with an affine map."""
    theirs = prepare(importlib.import_module("RevIN").RevIN(3))
    ours = RevIN(**PARAMETERS).double()
    ours.load_state_dict(theirs.state_dict())
    inputs = {"past": 3 * draw(3, 24, 3) + 10 * draw(3, 1, 3), "future": draw(3, 8, 3)}
    with torch.no_grad():
        normalized = theirs(inputs["past"], "norm")
        outputs = {"normalized": normalized, "forecast": theirs(inputs["future"], "denorm")}
    write_fixture(ours, inputs, outputs, PARAMETERS, SOURCE, out / "RevIN.safetensors")


if __name__ == "__main__":
    run_recording(record)
