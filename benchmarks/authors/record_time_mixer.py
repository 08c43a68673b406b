"""Record outputs of the authors' TimeMixer.

Clone https://github.com/kwuking/TimeMixer and check out the commit below.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, prepare, run_recording
from revin_forecast import TimeMixer

SOURCE = Source(
    "https://github.com/kwuking/TimeMixer",
    "8d230b7d785d73104522d4cb954e2d4fba1412a4",
    "Their normalization of each scale is off and there are no calendar features.",
)
LOOKBACK, HORIZON, CHANNELS, WINDOWS, WIDTH, LEVELS, BLOCKS = 24, 8, 2, 3, 4, 3, 2


def record(_: Path, out: Path) -> None:
    """Record two blocks over four scales."""
    theirs = prepare(importlib.import_module("models.TimeMixer").Model(build_configs()))
    sizes = {"lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS}
    parameters = sizes | {"levels": LEVELS, "width": WIDTH, "blocks": BLOCKS}
    ours = TimeMixer(**parameters).double()
    ours.load_state_dict(convert_weights(theirs))
    past = draw(WINDOWS, LOOKBACK, CHANNELS)
    with torch.no_grad():
        outputs = {"forecast": theirs(past, None, None, None)}
    path = out / "TimeMixer.safetensors"
    write_fixture(ours, {"past": past}, outputs, parameters, SOURCE, path)


def build_configs() -> SimpleNamespace:
    """Return their options: one network for all channels, averages over two steps."""
    return SimpleNamespace(
        task_name="long_term_forecast",
        seq_len=LOOKBACK,
        label_len=0,
        pred_len=HORIZON,
        enc_in=CHANNELS,
        c_out=CHANNELS,
        d_model=WIDTH,
        d_ff=2 * WIDTH,
        e_layers=BLOCKS,
        dropout=0.1,
        embed="timeF",
        freq="h",
        moving_avg=25,
        decomp_method="moving_avg",
        channel_independence=1,
        use_norm=0,
        use_future_temporal_feature=0,
        down_sampling_layers=LEVELS,
        down_sampling_window=2,
        down_sampling_method="avg",
    )


def convert_weights(theirs: nn.Module) -> dict[str, Tensor]:
    """Rename their weights; they number the maps to finer scales from the coarsest on."""
    state = theirs.state_dict()
    embed = state["enc_embedding.value_embedding.tokenConv.weight"]
    weights = {"embed.weight": embed.squeeze(1)}
    for kind in ("weight", "bias"):
        weights[f"project.{kind}"] = state[f"projection_layer.{kind}"]
        for level in range(LEVELS + 1):
            weights[f"maps.{level}.{kind}"] = state[f"predict_layers.{level}.{kind}"]
        for block in range(BLOCKS):
            ours, path = f"blocks.{block}", f"pdm_blocks.{block}"
            for name, layer in (("wide", 0), ("narrow", 2)):
                feed = state[f"{path}.out_cross_layer.{layer}.{kind}"]
                weights[f"{ours}.{name}.{kind}"] = feed
                for level in range(LEVELS):
                    down = f"{path}.mixing_multi_scale_season.down_sampling_layers.{level}"
                    up = f"{path}.mixing_multi_scale_trend.up_sampling_layers.{LEVELS - 1 - level}"
                    weights[f"{ours}.down.{level}.{layer}.{kind}"] = state[f"{down}.{layer}.{kind}"]
                    weights[f"{ours}.up.{level}.{layer}.{kind}"] = state[f"{up}.{layer}.{kind}"]
    return weights


if __name__ == "__main__":
    run_recording(record)
