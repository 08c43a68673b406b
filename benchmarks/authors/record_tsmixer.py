"""Record outputs of the authors' TSMixer.

Clone https://github.com/google-research/google-research, check out the commit below and pass the
folder tsmixer/tsmixer_basic. It needs TensorFlow with Keras 2: install tensorflow and tf_keras,
and set TF_USE_LEGACY_KERAS=1.
"""

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, run_recording
from revin_forecast import TSMixer

SOURCE = Source(
    "https://github.com/google-research/google-research",
    "4c4299485319ed72ef782020c81784be5468924e",
    "Their constant in the variance of the batch norms, 1e-3, is set to 1e-5.",
)
LOOKBACK, HORIZON, CHANNELS, BLOCKS, WIDTH = 24, 8, 2, 2, 8
SIZES = {"lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS}
PARAMETERS = SIZES | {"blocks": BLOCKS, "width": WIDTH}


def record(_: Path, out: Path) -> None:
    """Record two blocks with batch norms in TensorFlow."""
    keras = importlib.import_module("tensorflow").keras
    keras.backend.set_floatx("float64")
    theirs = importlib.import_module("models.tsmixer").build_model(
        (LOOKBACK, CHANNELS), HORIZON, "B", "relu", BLOCKS, 0.0, WIDTH, None
    )
    kinds = keras.layers.BatchNormalization, keras.layers.Dense
    norms, maps = ([layer for layer in theirs.layers if isinstance(layer, kind)] for kind in kinds)
    for norm in norms:
        norm.epsilon = 1e-5
        norm.set_weights([torch.rand(value.shape) + 0.5 for value in norm.get_weights()])
    for layer in maps:
        layer.set_weights([draw(*value.shape) * 0.3 for value in layer.get_weights()])
    ours = TSMixer(**PARAMETERS).double()
    ours.load_state_dict(convert_weights(norms, maps))
    past = draw(3, LOOKBACK, CHANNELS)
    outputs = {"forecast": torch.tensor(theirs(past.numpy(), training=False).numpy())}
    write_fixture(ours, {"past": past}, outputs, PARAMETERS, SOURCE, out / "TSMixer.safetensors")


def convert_weights(norms: list[Any], maps: list[Any]) -> dict[str, Tensor]:
    """Return the weights by our names, from layers in the order of their use."""
    weights: dict[str, Tensor] = {}

    def copy_map(name: str, layer: Any) -> None:
        kernel, bias = layer.get_weights()
        weights[f"{name}.weight"], weights[f"{name}.bias"] = (
            torch.tensor(kernel).mT,
            torch.tensor(bias),
        )

    for index in range(BLOCKS):
        for place, name in enumerate(("time.0", "channels.0", "channels.3")):
            copy_map(f"blocks.{index}.{name}", maps[3 * index + place])
        for place in range(2):
            values = norms[2 * index + place].get_weights()
            names = ("weight", "bias", "running_mean", "running_var")
            for name, value in zip(names, values, strict=True):
                # (steps, channels) there, (channels, steps) in one axis here.
                flat = torch.tensor(value).squeeze(0).mT.flatten()
                weights[f"blocks.{index}.norms.{place}.{name}"] = flat
            count = f"blocks.{index}.norms.{place}.num_batches_tracked"
            weights[count] = torch.tensor(0)
    copy_map("map", maps[-1])
    return weights


if __name__ == "__main__":
    run_recording(record)
