"""Record outputs of the authors' FAN.

Clone https://github.com/wayne155/FAN, check out the commit below and pass the folder
torch_timeseries/normalizations.
"""

import importlib
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, prepare, rename_weights, run_recording
from revin_forecast import FAN

SOURCE = Source(
    "https://github.com/wayne155/FAN",
    "838e1b002aa0e8cbc3889dfb69967c40c0c15761",
    "The main part keeps float64, which they round to float32; the hidden layers have 8 and 16 "
    "values instead of 64 and 128.",
)
LOOKBACK, HORIZON, CHANNELS, WIDTH = 24, 8, 3, 8
SIZES: dict[str, Any] = {"lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS}
PARAMETERS: dict[str, Any] = SIZES | {"frequencies": 3, "hidden": WIDTH}


def record(_: Path, out: Path) -> None:
    """Record both directions, with three main frequencies."""
    theirs: Any = importlib.import_module("FAN").FAN(LOOKBACK, HORIZON, CHANNELS, freq_topk=3)
    network = theirs.model_freq
    network.model_freq[0] = nn.Linear(LOOKBACK, WIDTH)
    network.model_all[0] = nn.Linear(WIDTH + LOOKBACK, 2 * WIDTH)
    network.model_all[2] = nn.Linear(2 * WIDTH, HORIZON)
    prepare(theirs)
    names = {"weight": "", "model_freq.model_freq.0.": "from_main."}
    names |= {"model_freq.model_all.0.": "from_both.", "model_freq.model_all.2.": "out."}
    ours = FAN(**PARAMETERS).double()
    ours.load_state_dict(rename_weights(theirs.state_dict(), names))
    past = 3 * draw(3, LOOKBACK, CHANNELS) + 2 * draw(3, 1, CHANNELS)
    inputs = {"past": past, "future": draw(3, HORIZON, CHANNELS)}
    with torch.no_grad(), patch.object(Tensor, "float", Tensor.double):
        normalized = theirs(past, "n")
        outputs = {"normalized": normalized, "forecast": theirs(inputs["future"], "d")}
    write_fixture(ours, inputs, outputs, PARAMETERS, SOURCE, out / "FAN.safetensors")


if __name__ == "__main__":
    run_recording(record)
