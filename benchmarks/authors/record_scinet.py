"""Record outputs of the authors' SCINet.

Clone https://github.com/cure-lab/SCINet and check out the commit below.
"""

import importlib
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, prepare, run_recording
from revin_forecast import SCINet

SOURCE = Source("https://github.com/cure-lab/SCINet", "02e6b0af2d58243de09aaa1eac3840237b659847")
LOOKBACK, HORIZON, CHANNELS, WINDOWS, EXPANSION = 24, 8, 2, 3, 2


def record(_: Path, out: Path) -> None:
    """Record one stack of three levels and two stacks of two levels."""
    for levels, stacks in ((3, 1), (2, 2)):
        theirs = prepare(
            importlib.import_module("models.SCINet").SCINet(
                HORIZON, LOOKBACK, CHANNELS, EXPANSION, stacks, levels
            )
        )
        sizes = {"lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS}
        parameters = sizes | {"levels": levels, "stacks": stacks, "expansion": EXPANSION}
        ours = SCINet(**parameters).double()
        ours.load_state_dict(convert_weights(theirs, levels, stacks))
        past = draw(WINDOWS, LOOKBACK, CHANNELS)
        with torch.no_grad():
            forecast = theirs(past.clone())  # it adds to its input in place
        outputs = {"forecast": forecast if stacks == 1 else forecast[0]}
        name = "SCINet" if stacks == 1 else "SCINet_two_stacks"
        path = out / f"{name}.safetensors"
        write_fixture(ours, {"past": past}, outputs, parameters, SOURCE, path)


def convert_weights(theirs: nn.Module, levels: int, stacks: int) -> dict[str, Tensor]:
    """Join the networks of each level; their last shift is subtracted, so its sign changes."""
    state = theirs.state_dict()
    weights: dict[str, Tensor] = {}
    for stack in range(stacks):
        weights[f"maps.{stack}.weight"] = state[f"projection{stack + 1}.weight"].squeeze(-1)
        nodes = [f"blocks{stack + 1}.SCINet_Tree."]
        for level in range(levels):
            inner = [f"{node}workingblock.interact.level." for node in nodes]
            # A network is at the index of the half that it reads: all even halves come first.
            nets = {"scale": ("phi", "psi"), "shift": ("P", "U")}
            for name, (even, odd) in nets.items():
                paths = [f"{node}{even}." for node in inner] + [f"{node}{odd}." for node in inner]
                for layer in ("1", "4"):
                    for kind in ("weight", "bias"):
                        parts = [state[f"{path}{layer}.{kind}"] for path in paths]
                        if name == "shift" and layer == "4":
                            parts[: len(inner)] = [-part for part in parts[: len(inner)]]
                        joined = torch.cat(parts)
                        weights[f"trees.{stack}.{level}.{name}.{layer}.{kind}"] = joined
            evens = [f"{node}SCINet_Tree_even." for node in nodes]
            nodes = evens + [f"{node}SCINet_Tree_odd." for node in nodes]
    return weights


if __name__ == "__main__":
    run_recording(record)
