"""Record outputs of the authors' TQNet.

Clone https://github.com/ACAT-SCUT/TQNet and check out the commit below.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, prepare, run_recording
from revin_forecast import TQNet

SOURCE = Source(
    "https://github.com/ACAT-SCUT/TQNet",
    "f9a5de12de7626f54051f77eb9f182018f52a8a7",
    "Their normalization is off (use_revin), and the cycle begins at the phase of the window's "
    "first step, not of the first step ahead.",
)
LOOKBACK, HORIZON, CHANNELS, WINDOWS = 28, 10, 3, 4
CYCLE, WIDTH = 9, 8
FIRST_STEPS = (0, 5, 8, 1234)
"""Running number of each window's first step."""


def record(_: Path, out: Path) -> None:
    """Record a network whose cycle does not divide the look-back."""
    settings = SimpleNamespace(
        seq_len=LOOKBACK,
        pred_len=HORIZON,
        enc_in=CHANNELS,
        cycle=CYCLE,
        model_type="mlp",
        d_model=WIDTH,
        dropout=0.0,
        use_revin=False,
    )
    theirs = prepare(importlib.import_module("models.TQNet").Model(settings))
    sizes = {"lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS}
    parameters = sizes | {"cycle": CYCLE, "width": WIDTH}
    ours = TQNet(**parameters).double().eval()
    ours.load_state_dict(convert_weights(theirs))
    past, first = draw(WINDOWS, LOOKBACK, CHANNELS), torch.tensor(FIRST_STEPS)
    with torch.no_grad():
        forecast = theirs(past, first % CYCLE)
    known = (first.unsqueeze(1) + torch.arange(LOOKBACK + HORIZON)).unsqueeze(-1).double()
    inputs, path = {"past": past, "known": known}, out / "TQNet.safetensors"
    write_fixture(ours, inputs, {"forecast": forecast}, parameters, SOURCE, path)


def convert_weights(theirs: nn.Module) -> dict[str, Tensor]:
    """Rename the weights, and part the joint map of query, keys and values."""
    state = theirs.state_dict()
    weights = {"table": state["temporalQuery"]}
    names = {
        "attention.out": "channelAggregator.out_proj",
        "embed": "input_proj",
        "hidden.0": "model.0",
        "hidden.2": "model.2",
        "map.1": "output_proj.1",
    }
    for kind in ("weight", "bias"):
        joint = state[f"channelAggregator.in_proj_{kind}"]
        weights[f"attention.query.{kind}"] = joint[:LOOKBACK]
        weights[f"attention.keys_values.{kind}"] = joint[LOOKBACK:]
        weights |= {f"{ours}.{kind}": state[f"{part}.{kind}"] for ours, part in names.items()}
    return weights


if __name__ == "__main__":
    run_recording(record)
