"""Record outputs of the authors' CycleNet.

Clone https://github.com/ACAT-SCUT/CycleNet and check out the commit below.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace

import torch

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, prepare, rename_weights, run_recording
from revin_forecast import CycleNet

SOURCE = Source(
    "https://github.com/ACAT-SCUT/CycleNet",
    "af6e06ccf8389f8fadb524cbf5c89ef0349dc30f",
    "`use_revin` is off: normalizing is the task of a normalizer here.",
)
LOOKBACK, HORIZON, CHANNELS, CYCLE, WIDTH = 36, 8, 2, 7, 8


def record(_: Path, out: Path) -> None:
    """Record the linear map of the residual and the one with a hidden layer."""
    home = importlib.import_module("models.CycleNet")
    for kind in ("linear", "mlp"):
        configuration = SimpleNamespace(
            seq_len=LOOKBACK,
            pred_len=HORIZON,
            enc_in=CHANNELS,
            cycle=CYCLE,
            d_model=WIDTH,
            model_type=kind,
            use_revin=False,
        )
        theirs = prepare(home.Model(configuration))
        sizes = {"lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS}
        parameters = sizes | {"cycle": CYCLE, "width": WIDTH if kind == "mlp" else None}
        ours = CycleNet(**parameters).double()
        names = {"cycleQueue.data": "table", "model.": "map."}
        ours.load_state_dict(rename_weights(theirs.state_dict(), names))
        past, first = draw(3, LOOKBACK, CHANNELS), torch.tensor([3, 13, 40])
        steps = first.unsqueeze(1) + torch.arange(LOOKBACK + HORIZON)
        inputs = {"past": past, "known": steps.unsqueeze(-1).double()}
        with torch.no_grad():
            outputs = {"forecast": theirs(past, first % CYCLE)}
        path = out / ("CycleNet.safetensors" if kind == "linear" else "CycleNet_mlp.safetensors")
        write_fixture(ours, inputs, outputs, parameters, SOURCE, path)


if __name__ == "__main__":
    run_recording(record)
