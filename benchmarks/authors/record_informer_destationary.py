"""Record outputs of the Informer of the Non-stationary Transformers, with de-stationary factors.

Clone https://github.com/thuml/Nonstationary_Transformers and check out the commit below.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.record_informer import layer_names
from benchmarks.authors.recording import (
    draw,
    draw_standard,
    join_keys_values,
    prepare,
    rename_weights,
    run_recording,
    squeeze_maps,
    use_float64_positions,
)
from revin_forecast import Informer

SOURCE = Source(
    "https://github.com/thuml/Nonstationary_Transformers",
    "c4ec40675d11d50b3d9923657f408d0db6f90f56",
    "Heads and steps of every attention are read in the right order, the distilling convolution "
    "pads one step instead of two, as in the Informer's own code, and the factors are drawn, not "
    "computed; sines of positions in float64; windows have mean 0 and variance 1; on windows this "
    "short, all queries are active.",
)
LOOKBACK, HORIZON, CHANNELS, WIDTH, HEADS, WINDOWS = 12, 8, 2, 8, 2, 3
SIZES = {"lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS}
PARAMETERS = SIZES | {"width": WIDTH, "heads": HEADS}


def record(_: Path, out: Path) -> None:
    """Record dense attention with factors of the logits and shifts of the keys."""
    configuration = SimpleNamespace(
        pred_len=HORIZON, label_len=LOOKBACK // 2, seq_len=LOOKBACK, enc_in=CHANNELS,
        dec_in=CHANNELS, c_out=CHANNELS, d_model=WIDTH, n_heads=HEADS, d_ff=4 * WIDTH, e_layers=2,
        d_layers=1, factor=5, dropout=0.0, embed="timeF", freq="h", activation="gelu", distil=True,
        output_attention=False, p_hidden_dims=[4], p_hidden_layers=1,
    )  # fmt: skip
    order_heads(importlib.import_module("ns_layers.SelfAttention_Family").DSProbAttention)
    theirs: Any = prepare(importlib.import_module("ns_models.ns_Informer").Model(configuration))
    use_float64_positions(theirs)
    theirs.encoder.conv_layers[0].downConv = convolution = build_narrow_copy(
        theirs.encoder.conv_layers[0].downConv
    )
    assert convolution.padding == (1,)
    tau, delta = torch.rand(WINDOWS).double() + 0.5, draw(WINDOWS, LOOKBACK)
    theirs.tau_learner, theirs.delta_learner = Constant(tau.log().unsqueeze(1)), Constant(delta)
    names = {f"{part}_embedding.position_embedding": "" for part in ("enc", "dec")}
    for part in ("encoder", "decoder"):
        names[f"{part[:3]}_embedding.value_embedding.tokenConv."] = f"{part}_embedding.values."
        names[f"{part[:3]}_embedding.temporal_embedding."] = ""
    names |= layer_names() | {"decoder.projection.": "map."}
    weights = squeeze_maps(join_keys_values(rename_weights(theirs.state_dict(), names)))
    ours = Informer(**PARAMETERS).double()
    ours.load_state_dict(weights)
    past = draw_standard(WINDOWS, LOOKBACK, CHANNELS)
    stamps = past.new_zeros(WINDOWS, LOOKBACK + HORIZON, 4)
    with torch.no_grad():
        empty = past.new_zeros(WINDOWS, HORIZON, CHANNELS)
        forecast = theirs(past, stamps[:, :LOOKBACK], empty, stamps[:, LOOKBACK // 2 :])
    inputs = {"past": past, "tau": tau, "delta": delta}
    path = out / "Informer_destationary.safetensors"
    write_fixture(ours, inputs, {"forecast": forecast}, PARAMETERS, SOURCE, path)


class Constant(nn.Module):
    """Returns the same factor for any window.

    Args:
        factor: the factor of each window.
    """

    def __init__(self, factor: Tensor):
        super().__init__()
        self.factor = factor

    def forward(self, _: Tensor, __: Tensor) -> Tensor:
        """Return the factor."""
        return self.factor


def build_narrow_copy(convolution: nn.Conv1d) -> nn.Conv1d:
    """Return the convolution with a padding of one step on each side."""
    width = convolution.in_channels
    narrow = nn.Conv1d(width, width, 3, padding=1, padding_mode="circular").double()
    narrow.load_state_dict(convolution.state_dict())
    return narrow


def order_heads(attention: Any) -> None:
    """Let their attention return (batch, steps, heads, size), which its caller flattens."""
    attend = attention.forward

    def forward(self: Any, *inputs: Any) -> tuple[Tensor, Any]:
        mixed, weights = attend(self, *inputs)
        return mixed.transpose(2, 1).contiguous(), weights

    attention.forward = forward


if __name__ == "__main__":
    run_recording(record)
