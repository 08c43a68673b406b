"""Record outputs of the authors' series stationarization and its projectors.

Clone https://github.com/thuml/Nonstationary_Transformers and check out the commit below.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, prepare, run_recording
from revin_forecast import Stationary

SOURCE = Source(
    "https://github.com/thuml/Nonstationary_Transformers",
    "c4ec40675d11d50b3d9923657f408d0db6f90f56",
    "No 1e-5 is added to the variance.",
)
LOOKBACK, HORIZON, CHANNELS, WIDTH = 24, 8, 3, 8


def record(_: Path, out: Path) -> None:
    """Record the map of windows, and both projectors of the Transformer."""
    home = importlib.import_module("ns_models.ns_Transformer")
    theirs = home.Model(build_configuration())
    theirs.tau_learner, theirs.delta_learner = map(
        prepare, (theirs.tau_learner, theirs.delta_learner)
    )
    parameters: dict[str, Any] = {"lookback": LOOKBACK, "channels": CHANNELS, "hidden": WIDTH}
    ours = Stationary(**parameters).double()
    ours.load_state_dict(
        convert_weights(theirs.tau_learner, "tau") | convert_weights(theirs.delta_learner, "delta")
    )
    past = draw(3, LOOKBACK, CHANNELS) + draw(3, 1, CHANNELS)
    future = draw(3, HORIZON, CHANNELS)
    network = _Recorder(future)
    theirs.enc_embedding = theirs.dec_embedding = theirs.encoder = theirs.decoder = network
    variance = torch.var
    with torch.no_grad(), patch.object(torch, "var", lambda *a, **k: variance(*a, **k) - 1e-5):
        forecast = theirs(past, None, torch.zeros_like(future), None)
    outputs = {
        "normalized": network.received["past"],
        "forecast": forecast,
        "attention_scale": network.received["tau"].squeeze(1),
        "attention_shift": network.received["delta"],
    }
    inputs = {"past": past, "future": future}
    write_fixture(ours, inputs, outputs, parameters, SOURCE, out / "Stationary.safetensors")


class _Recorder(nn.Module):
    """Replaces each part of the Transformer: it keeps its inputs and returns a given forecast."""

    def __init__(self, forecast: Tensor):
        super().__init__()
        self.forecast = forecast
        self.received: dict[str, Tensor] = {}

    def forward(self, values: Tensor, *others: object, **options: Any) -> Any:
        """Return values as they are from an embedding, and the forecast from the decoder."""
        if "attn_mask" in options:  # the encoder
            self.received |= {"past": values, "tau": options["tau"], "delta": options["delta"]}
            return values, None
        return self.forecast if "x_mask" in options else values


def build_configuration() -> SimpleNamespace:
    """Return the configuration of a small Transformer."""
    return SimpleNamespace(
        seq_len=LOOKBACK,
        pred_len=HORIZON,
        label_len=0,
        enc_in=CHANNELS,
        dec_in=CHANNELS,
        c_out=CHANNELS,
        p_hidden_dims=[WIDTH, WIDTH],
        p_hidden_layers=2,
        d_model=4,
        d_ff=4,
        n_heads=1,
        e_layers=1,
        d_layers=1,
        factor=1,
        dropout=0.0,
        activation="gelu",
        embed="timeF",
        freq="h",
        output_attention=False,
    )


def convert_weights(theirs: nn.Module, ours: str) -> dict[str, Tensor]:
    """Return the weights of one projector under the names here."""
    names = {"series_conv.weight": f"{ours}.mix"}
    return {
        names.get(name, name.replace("backbone.", f"{ours}.layers.")): value
        for name, value in theirs.state_dict().items()
    }


if __name__ == "__main__":
    run_recording(record)
