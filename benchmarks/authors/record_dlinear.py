"""Record outputs of the authors' DLinear.

Clone https://github.com/cure-lab/LTSF-Linear and check out the commit below.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace

import torch

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, prepare, run_recording
from revin_forecast import DLinear

SOURCE = Source(
    "https://github.com/cure-lab/LTSF-Linear", "0c113668a3b88c4c4ee586b8c5ec3e539c4de5a6"
)
PARAMETERS = {"lookback": 36, "horizon": 8, "channels": 2}


def record(_: Path, out: Path) -> None:
    """Record a network that all channels share, with the authors' kernel of 25 steps."""
    configuration = SimpleNamespace(seq_len=36, pred_len=8, enc_in=2, individual=False)
    theirs = prepare(importlib.import_module("models.DLinear").Model(configuration))
    state = theirs.state_dict()
    ours = DLinear(**PARAMETERS).double()
    weights = {
        "trend.weight": state["Linear_Trend.weight"],
        "rest.weight": state["Linear_Seasonal.weight"],
        # Their two biases act as one.
        "rest.bias": state["Linear_Trend.bias"] + state["Linear_Seasonal.bias"],
    }
    ours.load_state_dict(weights)
    past = draw(3, 36, 2)
    with torch.no_grad():
        outputs = {"forecast": theirs(past)}
    path = out / "DLinear.safetensors"
    write_fixture(ours, {"past": past}, outputs, PARAMETERS, SOURCE, path)


if __name__ == "__main__":
    run_recording(record)
