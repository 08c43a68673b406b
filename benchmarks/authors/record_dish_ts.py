"""Record outputs of the authors' Dish-TS.

Clone https://github.com/weifantt/Dish-TS and check out the commit below.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, prepare, run_recording
from revin_forecast import DishTS

SOURCE = Source(
    "https://github.com/weifantt/Dish-TS",
    "e674d3b94b832491f63a533d60e40a75031d2c75",
    "The GELU of the levels is off, since it erases negative ones, and the variances get no 1e-8.",
)
LOOKBACK, HORIZON, CHANNELS = 24, 8, 3
PARAMETERS: dict[str, Any] = {"channels": CHANNELS, "lookback": LOOKBACK}


def record(_: Path, out: Path) -> None:
    """Record both directions."""
    configuration = SimpleNamespace(dish_init="standard", n_series=CHANNELS, seq_len=LOOKBACK)
    theirs: Any = prepare(importlib.import_module("DishTS").DishTS(configuration))
    theirs.activate = False
    levels = theirs.reduce_mlayer.detach() - 1 / LOOKBACK
    ours = DishTS(**PARAMETERS).double()
    weights = {"past_weight": levels[..., 0], "future_weight": levels[..., 1]}
    weights |= {"affine_weight": theirs.gamma, "affine_bias": theirs.beta}
    ours.load_state_dict(weights)
    past = 3 * draw(3, LOOKBACK, CHANNELS) + 10 * draw(3, 1, CHANNELS)
    inputs = {"past": past, "future": draw(3, HORIZON, CHANNELS)}
    root = torch.sqrt
    with torch.no_grad(), patch.object(torch, "sqrt", lambda square: root(square - 1e-8)):
        normalized, _decoder_input = theirs(past)
        outputs = {"normalized": normalized, "forecast": theirs(inputs["future"], "inverse")}
    write_fixture(ours, inputs, outputs, PARAMETERS, SOURCE, out / "DishTS.safetensors")


if __name__ == "__main__":
    run_recording(record)
