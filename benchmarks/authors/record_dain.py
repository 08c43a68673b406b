"""Record outputs of the authors' DAIN.

Clone https://github.com/passalis/dain and check out the commit below.
"""

import importlib
import warnings
from pathlib import Path
from typing import Any

import torch

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, run_recording
from revin_forecast import DAIN

SOURCE = Source(
    "https://github.com/passalis/dain",
    "8f1511dcb49472dfa2ca4fcc8c8275334a2b2df9",
    "The mean squares get no 1e-8; scales and gates are above the limits of our class. Only the "
    "way in is compared, since theirs has no way back.",
)
CHANNELS = 3
PARAMETERS: dict[str, Any] = {"channels": CHANNELS}


def record(_: Path, out: Path) -> None:
    """Record the three layers of the way in."""
    theirs: Any = importlib.import_module("dain").DAIN_Layer("full", input_dim=CHANNELS).double()
    theirs.eps = 0.0
    identity = torch.eye(CHANNELS, dtype=torch.float64)
    changes = {"mean_map": 0.3 * draw(CHANNELS, CHANNELS)}
    changes["scale_map"] = 0.1 + torch.rand(CHANNELS, CHANNELS).double() / 2
    theirs.mean_layer.weight.data = identity + changes["mean_map"]
    theirs.scaling_layer.weight.data = identity + changes["scale_map"]
    gate = {f"gate.{name}": value for name, value in theirs.gating_layer.state_dict().items()}
    ours = DAIN(**PARAMETERS).double()
    ours.load_state_dict(changes | gate)
    past = 3 * draw(3, 24, CHANNELS) + 2 * draw(3, 1, CHANNELS)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about functions that are deprecated since 2017
        outputs = {"normalized": theirs(past.mT).mT}

    write_fixture(ours, {"past": past}, outputs, PARAMETERS, SOURCE, out / "DAIN.safetensors")


if __name__ == "__main__":
    run_recording(record)
