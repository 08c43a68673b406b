"""Record outputs of the authors' SAN.

Clone https://github.com/icantnamemyself/SAN and check out the commit below.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, draw_centred, prepare, run_recording
from revin_forecast import SAN

SOURCE = Source(
    "https://github.com/icantnamemyself/SAN",
    "7e1ca66251a91a89290846b310145c5f5db3ffc3",
    "Windows have mean 0, the final ReLU of the predicted deviations is replaced by softplus and "
    "the 1e-5 added to a slice's deviation by 0, in the past only; networks have 8 instead of 512 "
    "hidden units.",
)
LOOKBACK, HORIZON, CHANNELS, SLICE, WIDTH = 24, 8, 2, 4, 8


def record(_: Path, out: Path) -> None:
    """Record slices that divide the look-back and the horizon, as the authors require."""
    configuration = SimpleNamespace(
        seq_len=LOOKBACK,
        pred_len=HORIZON,
        label_len=0,
        period_len=SLICE,
        features="M",
        enc_in=CHANNELS,
        dec_in=CHANNELS,
        c_out=CHANNELS,
        station_type="adaptive",
    )
    home = importlib.import_module("models.Statistics_prediction")
    theirs: Any = home.Statistics_prediction(configuration)
    for network in (theirs.model, theirs.model_std):
        narrow(network)
    theirs.model_std.final_activation = nn.Softplus()
    prepare(theirs)
    sizes = {"lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS}
    parameters: dict[str, Any] = sizes | {"slice_length": SLICE, "hidden": WIDTH}
    ours = SAN(**parameters).double()
    ours.load_state_dict(convert_weights(theirs))
    past, future = draw_centred(3, LOOKBACK, CHANNELS), draw(3, HORIZON, CHANNELS)
    with torch.no_grad():
        theirs.epsilon = 0.0
        normalized, statistics = theirs.normalize(past)
        theirs.epsilon = 1e-5
        forecast = theirs.de_normalize(future, statistics)
    inputs = {"past": past, "future": future}
    outputs = {"normalized": normalized, "forecast": forecast}
    write_fixture(ours, inputs, outputs, parameters, SOURCE, out / "SAN.safetensors")


def narrow(network: nn.Module) -> None:
    """Replace the layers, whose width is a constant in the authors' code, by narrow ones."""
    network.input = nn.Linear(LOOKBACK // SLICE, WIDTH)
    network.input_raw = nn.Linear(LOOKBACK, WIDTH)
    network.output = nn.Linear(2 * WIDTH, HORIZON // SLICE)


def convert_weights(theirs: nn.Module) -> dict[str, Tensor]:
    """Return the authors' weights under the names here."""
    names = {"input": "from_slices", "input_raw": "from_window", "output": "out"}
    networks = {"model": "mean_network", "model_std": "scale_network"}
    weights: dict[str, Tensor] = {}
    for name, value in theirs.state_dict().items():
        if name == "weight":
            weights["mix"] = value
            continue
        network, layer, kind = name.split(".")
        weights[f"{networks[network]}.{names[layer]}.{kind}"] = value
    return weights


if __name__ == "__main__":
    run_recording(record)
