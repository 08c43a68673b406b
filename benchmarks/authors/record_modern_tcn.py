"""Record outputs of the authors' ModernTCN.

Clone https://github.com/luodhhh/ModernTCN and check out the commit below.
"""

import importlib
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, prepare, run_recording
from revin_forecast import ModernTCN

SOURCE = Source(
    "https://github.com/luodhhh/ModernTCN",
    "56a9a2c018385cd5acef015378cae7f084d1b11c",
    "Their normalization is off, and the bias before their first batch norm is part of its mean.",
)
LOOKBACK, HORIZON, CHANNELS, WINDOWS, WIDTH, BLOCKS, EXPANSION = 34, 8, 3, 3, 4, 2, 2


def record(folder: Path, out: Path) -> None:
    """Record two blocks whose networks are twice as wide as their inputs."""
    sys.path.insert(0, str(folder / "ModernTCN-Long-term-forecasting"))
    theirs = prepare(
        importlib.import_module("models.ModernTCN").ModernTCN(
            patch_size=8,
            patch_stride=4,
            stem_ratio=1,
            downsample_ratio=2,
            ffn_ratio=EXPANSION,
            num_blocks=[BLOCKS],
            large_size=[51],
            small_size=[5],
            dims=[WIDTH] * 4,
            dw_dims=[WIDTH] * 4,
            nvars=CHANNELS,
            use_multi_scale=False,
            revin=False,
            freq="h",
            seq_len=LOOKBACK,
            c_in=CHANNELS,
            target_window=HORIZON,
        )
    )
    sizes = {"lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS}
    parameters = sizes | {"width": WIDTH, "blocks": BLOCKS, "expansion": EXPANSION}
    ours = ModernTCN(**parameters).double()
    ours.load_state_dict(convert_weights(theirs))
    past = draw(WINDOWS, LOOKBACK, CHANNELS)
    with torch.no_grad():
        outputs = {"forecast": theirs(past.mT).mT}
    path = out / "ModernTCN.safetensors"
    write_fixture(ours, {"past": past}, outputs, parameters, SOURCE, path)


def convert_weights(theirs: nn.Module) -> dict[str, Tensor]:
    """Rename their weights and split those of grouped convolutions by group."""
    state = theirs.state_dict()
    weights = {"embed.weight": state["downsample_layers.0.0.weight"].squeeze(1)}
    weights |= copy_layer(state, "downsample_layers.0.1", "norm")
    mean, bias = weights["norm.running_mean"], state["downsample_layers.0.0.bias"]
    weights["norm.running_mean"] = mean - bias
    weights |= copy_layer(state, "head.linear", "map")
    for block in range(BLOCKS):
        ours, path = f"blocks.{block}", f"stages.0.blocks.{block}"
        weights |= copy_layer(state, f"{path}.norm", f"{ours}.convolution.norm")
        for index, kernel in enumerate(("lkb_origin", "small_conv")):
            ours_path, their_path = f"{ours}.convolution", f"{path}.dw.{kernel}"
            weights[f"{ours_path}.kernels.{index}"] = state[f"{their_path}.conv.weight"]
            weights |= copy_layer(state, f"{their_path}.bn", f"{ours_path}.norms.{index}")
        for number, name, groups in ((1, "features", CHANNELS), (2, "channels", WIDTH)):
            for layer, index in ((1, 0), (2, 3)):
                convolution = f"{path}.ffn{number}pw{layer}"
                weight, bias = state[f"{convolution}.weight"], state[f"{convolution}.bias"]
                weights[f"{ours}.{name}.{index}.weight"] = weight.squeeze(-1).unflatten(
                    0, (groups, -1)
                )
                weights[f"{ours}.{name}.{index}.bias"] = bias.reshape(groups, -1, 1)
    return weights


def copy_layer(state: dict[str, Tensor], theirs: str, ours: str) -> dict[str, Tensor]:
    """Return the values of a layer under our names."""
    start = f"{theirs}."
    return {
        f"{ours}.{name.removeprefix(start)}": value
        for name, value in state.items()
        if name.startswith(start)
    }


if __name__ == "__main__":
    run_recording(record)
