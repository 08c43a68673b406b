"""Record outputs of the authors' SOFTS.

Clone https://github.com/Secilia-Cxy/SOFTS and check out the commit below.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, prepare, run_recording
from revin_forecast import SOFTS

SOURCE = Source(
    "https://github.com/Secilia-Cxy/SOFTS",
    "f5d35fd7c3e716b6383ce6d3cc42c131e32c3c44",
    "Their normalization is off (use_norm), and no time stamps are passed as tokens.",
)
LOOKBACK, HORIZON, CHANNELS, WINDOWS = 27, 10, 3, 4
WIDTH, CORE, LAYERS = 8, 5, 2
NAMES = {
    "attention.gen1": "star.aggregate.0",
    "attention.gen2": "star.aggregate.2",
    "attention.gen3": "star.redistribute.0",
    "attention.gen4": "star.redistribute.2",
    "conv1": "feed.0",
    "conv2": "feed.3",
    "norm1": "norms.0",
    "norm2": "norms.1",
}
"""Parts of their layer and of ours."""


def record(_: Path, out: Path) -> None:
    """Record a network of two layers."""
    settings = SimpleNamespace(
        seq_len=LOOKBACK,
        pred_len=HORIZON,
        d_model=WIDTH,
        d_core=CORE,
        d_ff=WIDTH,
        e_layers=LAYERS,
        dropout=0.0,
        activation="gelu",
        use_norm=False,
    )
    theirs = prepare(importlib.import_module("models.SOFTS").Model(settings))
    sizes = {"lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS}
    parameters = sizes | {"width": WIDTH, "core": CORE, "layers": LAYERS}
    ours = SOFTS(**parameters).double().eval()
    ours.load_state_dict(convert_weights(theirs))
    past = draw(WINDOWS, LOOKBACK, CHANNELS)
    with torch.no_grad():
        forecast = theirs(past, None, None, None)
    path = out / "SOFTS.safetensors"
    write_fixture(ours, {"past": past}, {"forecast": forecast}, parameters, SOURCE, path)


def convert_weights(theirs: nn.Module) -> dict[str, Tensor]:
    """Rename the weights; their feed-forward network consists of convolutions of width 1."""
    state = theirs.state_dict()
    names = {"embed": "enc_embedding.value_embedding", "map": "projection"}
    for layer in range(LAYERS):
        home = f"encoder.attn_layers.{layer}"
        names |= {f"layers.{layer}.{ours}": f"{home}.{part}" for part, ours in NAMES.items()}
    weights = {
        f"{ours}.{kind}": state[f"{part}.{kind}"]
        for ours, part in names.items()
        for kind in ("weight", "bias")
    }
    return {
        name: value.squeeze(-1) if ".feed." in name else value for name, value in weights.items()
    }


if __name__ == "__main__":
    run_recording(record)
