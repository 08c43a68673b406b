"""Record outputs of the authors' TimeXer.

Clone https://github.com/thuml/TimeXer and check out the commit below.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import cast

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, prepare, run_recording, use_float64_positions
from revin_forecast import TimeXer
from revin_forecast.backbones.time_xer import HEADS

DIFFERENCES = (
    "Their normalization is off (use_norm), and the sines of positions, which they compute in "
    "float32, are computed in float64."
)
KNOWN_DIFFERENCES = (
    " They embed a known input over the window only and by the map of the channels' windows, so "
    "our map of known inputs has the same weights there, and zeros for the steps ahead."
)
REPOSITORY = "https://github.com/thuml/TimeXer"
COMMIT = "76011909357972bd55a27adba2e1be994d81b327"
UNUSED_LIBRARIES = {
    "einops": {"rearrange": None, "repeat": None},
    "reformer_pytorch": {"LSHSelfAttention": None},
}
"""Imported by attentions that the model does not use."""
LOOKBACK, HORIZON, CHANNELS, WINDOWS = 36, 9, 3, 4
PATCH, WIDTH, LAYERS = 12, 8, 2
PARTS = {"conv1": "feed.0", "conv2": "feed.3"}
PARTS |= {f"norm{number + 1}": f"norms.{number}" for number in range(3)}
"""Parts of their layer and of ours."""


def record(_: Path, out: Path) -> None:
    """Record the multivariate mode without and with known inputs."""
    for name, attributes in UNUSED_LIBRARIES.items():
        sys.modules.setdefault(name, cast(ModuleType, SimpleNamespace(**attributes)))
    for covariates in (0, 2):
        theirs = prepare(importlib.import_module("models.TimeXer").Model(make_settings()))
        use_float64_positions(theirs)
        sizes = {"lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS}
        parameters = sizes | {"patch": PATCH, "width": WIDTH, "layers": LAYERS}
        parameters |= {"covariates": covariates} if covariates else {}
        ours = TimeXer(**parameters).double().eval()
        ours.load_state_dict(convert_weights(theirs, covariates))
        inputs, marks = {"past": draw(WINDOWS, LOOKBACK, CHANNELS)}, None
        if covariates:
            inputs["known"] = draw(WINDOWS, LOOKBACK + HORIZON, covariates)
            marks = inputs["known"][:, :LOOKBACK]
        with torch.no_grad():
            forecast = theirs(inputs["past"], marks, None, None)
        differences = DIFFERENCES + (KNOWN_DIFFERENCES if covariates else "")
        source = Source(REPOSITORY, COMMIT, differences)
        path = out / f"TimeXer{'_known' if covariates else ''}.safetensors"
        write_fixture(ours, inputs, {"forecast": forecast}, parameters, source, path)


def make_settings() -> SimpleNamespace:
    """Return the settings of the authors' model."""
    return SimpleNamespace(
        task_name="long_term_forecast",
        features="M",
        seq_len=LOOKBACK,
        pred_len=HORIZON,
        enc_in=CHANNELS,
        use_norm=False,
        patch_len=PATCH,
        d_model=WIDTH,
        d_ff=2 * WIDTH,
        n_heads=HEADS,
        e_layers=LAYERS,
        dropout=0.0,
        factor=1,
        activation="gelu",
        embed="timeF",
        freq="h",
    )


def convert_weights(theirs: nn.Module, covariates: int) -> dict[str, Tensor]:
    """Rename the weights, join keys and values, and order the last map by tokens."""
    state = theirs.state_dict()
    series = {kind: state[f"ex_embedding.value_embedding.{kind}"] for kind in ("weight", "bias")}
    last = state["head.linear.weight"].unflatten(-1, (WIDTH, -1)).mT.flatten(1)
    weights = {
        "embed.weight": state["en_embedding.value_embedding.weight"],
        "global_tokens": state["en_embedding.glb_token"].reshape(CHANNELS, WIDTH),
        "embed_series.weight": series["weight"],
        "embed_series.bias": series["bias"],
        "norm.weight": state["encoder.norm.weight"],
        "norm.bias": state["encoder.norm.bias"],
        "map.weight": last,
        "map.bias": state["head.linear.bias"],
    }
    if covariates:
        ahead = torch.zeros(WIDTH, HORIZON, dtype=torch.float64)
        weights["embed_known.weight"] = torch.cat([series["weight"], ahead], dim=1)
        weights["embed_known.bias"] = series["bias"]
    for layer in range(LAYERS):
        weights |= convert_layer(state, f"encoder.layers.{layer}.", f"layers.{layer}.")
    return weights


def convert_layer(state: dict[str, Tensor], home: str, ours: str) -> dict[str, Tensor]:
    """Return the weights of an encoder layer."""
    weights: dict[str, Tensor] = {}
    for kind in ("weight", "bias"):
        for part, name in PARTS.items():
            value = state[f"{home}{part}.{kind}"]
            weights[f"{ours}{name}.{kind}"] = value.squeeze(-1) if "feed" in name else value
        for part, name in (("self_attention", "attention"), ("cross_attention", "cross")):
            query, key, value, out = (
                state[f"{home}{part}.{map_}_projection.{kind}"]
                for map_ in ("query", "key", "value", "out")
            )
            weights[f"{ours}{name}.query.{kind}"] = query
            weights[f"{ours}{name}.keys_values.{kind}"] = torch.cat([key, value])
            weights[f"{ours}{name}.out.{kind}"] = out
    return weights


if __name__ == "__main__":
    run_recording(record)
