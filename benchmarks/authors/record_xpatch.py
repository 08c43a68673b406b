"""Record outputs of the authors' xPatch.

Clone https://github.com/stitsyuk/xPatch and check out the commit below.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, prepare, run_recording
from revin_forecast import XPatch

SOURCE = Source(
    "https://github.com/stitsyuk/xPatch",
    "d12eecaa11409109582f5e2ffdebcc2cffd47b3e",
    "Their normalization is off, and the exponential average is computed by its recursion, "
    "as their layer needs a GPU and returns float32.",
)
LOOKBACK, HORIZON, CHANNELS, WINDOWS, PATCH, ALPHA = 35, 8, 2, 3, 8, 0.4
LAYERS = {
    "patches.embed": "fc1",
    "patches.norms.0": "bn1",
    "patches.reduce": "conv1",
    "patches.norms.1": "bn2",
    "patches.skip": "fc2",
    "patches.pointwise": "conv2",
    "patches.norms.2": "bn3",
    "patches.map.0": "fc3",
    "patches.map.2": "fc4",
    "trend.maps.0": "fc5",
    "trend.norms.0": "ln1",
    "trend.maps.1": "fc6",
    "trend.norms.1": "ln2",
    "trend.maps.2": "fc7",
    "join": "fc8",
}
"""Our name of each layer and theirs."""


class ExponentialAverage(nn.Module):
    """The recursion t_0 = x_0, t_i = alpha x_i + (1 - alpha) t_{i-1} of the paper."""

    def forward(self, past: Tensor) -> Tensor:
        """Average (batch, lookback, channels) over the steps."""
        averages = [past[:, 0]]
        for step in range(1, past.shape[1]):
            averages.append(ALPHA * past[:, step] + (1 - ALPHA) * averages[-1])
        return torch.stack(averages, dim=1)


def record(_: Path, out: Path) -> None:
    """Record patches of 8 steps in a window of odd length."""
    configs = SimpleNamespace(
        seq_len=LOOKBACK,
        pred_len=HORIZON,
        enc_in=CHANNELS,
        patch_len=PATCH,
        stride=PATCH // 2,
        padding_patch="end",
        revin=0,
        ma_type="ema",
        alpha=ALPHA,
        beta=ALPHA,
    )
    theirs = prepare(importlib.import_module("models.xPatch").Model(configs))
    theirs.get_submodule("decomp").register_module("ma", ExponentialAverage())
    sizes = {"lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS}
    parameters = sizes | {"patch": PATCH, "alpha": ALPHA}
    ours = XPatch(**parameters).double()
    ours.load_state_dict(convert_weights(theirs))
    past = draw(WINDOWS, LOOKBACK, CHANNELS)
    with torch.no_grad():
        outputs = {"forecast": theirs(past)}
    path = out / "XPatch.safetensors"
    write_fixture(ours, {"past": past}, outputs, parameters, SOURCE, path)


def convert_weights(theirs: nn.Module) -> dict[str, Tensor]:
    """Rename their weights."""
    weights = {
        f"{ours}.{name}": value
        for ours, layer in LAYERS.items()
        for name, value in theirs.get_submodule(f"net.{layer}").state_dict().items()
    }
    weights["patches.reduce.weight"] = weights["patches.reduce.weight"].squeeze(1)
    weights["patches.reduce.bias"] = weights["patches.reduce.bias"].unsqueeze(1)
    return weights


if __name__ == "__main__":
    run_recording(record)
