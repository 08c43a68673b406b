"""Record outputs of the authors' TiDE.

Clone https://github.com/google-research/google-research, check out the commit below and pass the
folder tide. It needs TensorFlow with Keras 2: install tensorflow and tf_keras, and set
TF_USE_LEGACY_KERAS=1.
"""

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, run_recording
from revin_forecast import TiDE
from revin_forecast.backbones.tide import DECODER_WIDTH, PROJECTION_WIDTH, STEP_WIDTH

SOURCE = Source(
    "https://github.com/google-research/google-research",
    "4c4299485319ed72ef782020c81784be5468924e",
    "`transform` is off, as normalizing is the task of a normalizer here; the embeddings of the "
    "series are 0; the last block has no layer norm, which would make its one value constant; "
    "the constant in the variance of the other layer norms, 1e-3, is set to 1e-5.",
)
LOOKBACK, HORIZON, CHANNELS, COVARIATES, WIDTH, LAYERS = 24, 8, 2, 2, 8, 2
SIZES = {"lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS}
PARAMETERS = SIZES | {"covariates": COVARIATES, "width": WIDTH, "layers": LAYERS}


def record(_: Path, out: Path) -> None:
    """Record two blocks in the encoder and two in the decoder, with known inputs."""
    tensorflow = importlib.import_module("tensorflow")
    tensorflow.keras.backend.set_floatx("float64")
    configuration = {
        "hidden_dims": [WIDTH] * (LAYERS + 1),
        "decoder_output_dim": DECODER_WIDTH,
        "time_encoder_dims": [STEP_WIDTH, PROJECTION_WIDTH],
        "final_decoder_hidden": STEP_WIDTH,
    }
    theirs = importlib.import_module("models").TideModel(
        configuration, HORIZON, [], CHANNELS, layer_norm=True
    )
    theirs.final_decoder.layer_norm = False
    for block in list_blocks(theirs):  # before the first call, which compiles the constant
        if block.layer_norm:
            block.lnorm.epsilon = 1e-5
    past, known = draw(3, LOOKBACK, CHANNELS), draw(3, LOOKBACK + HORIZON, COVARIATES)
    none = tensorflow.zeros([0, 1])

    def forecast(window: int) -> Tensor:
        """Return one window's forecast: all series of their batch share the known inputs."""
        inputs = known[window].mT.numpy()
        before = past[window].mT.numpy(), inputs[:, :LOOKBACK], none
        ahead = inputs[:, LOOKBACK:], none
        values = theirs((before, ahead, tensorflow.range(CHANNELS)), training=False)
        return torch.tensor(values.numpy()).mT

    forecast(0)  # builds the layers
    for block in list_blocks(theirs):
        for layer in (block.lin_a, block.lin_b, block.lin_res):
            layer.set_weights([draw(*value.shape) * 0.3 for value in layer.get_weights()])
        if block.layer_norm:
            block.lnorm.set_weights([draw(*value.shape) for value in block.lnorm.get_weights()])
    theirs.linear.set_weights([draw(LOOKBACK, HORIZON), draw(HORIZON)])
    theirs.ts_embs.set_weights([torch.zeros(CHANNELS, 16)])
    ours = TiDE(**PARAMETERS).double()
    ours.load_state_dict(convert_weights(theirs))
    outputs = {"forecast": torch.stack([forecast(window) for window in range(3)])}
    inputs = {"past": past, "known": known}
    write_fixture(ours, inputs, outputs, PARAMETERS, SOURCE, out / "TiDE.safetensors")


def list_blocks(theirs: Any) -> list[Any]:
    """Return the residual blocks: of known inputs, of encoder and decoder, and the last one."""
    middle = [*theirs.encoder.layers, *theirs.decoder.layers]
    return [*theirs.time_encoder.layers, *middle, theirs.final_decoder]


def convert_weights(theirs: Any) -> dict[str, Tensor]:
    """Return the weights by our names; known inputs and decoded values are in another order."""
    weights: dict[str, Tensor] = {}

    def copy_map(name: str, layer: Any) -> None:
        kernel, bias = (torch.tensor(value) for value in layer.get_weights())
        weights[f"{name}.weight"], weights[f"{name}.bias"] = kernel.mT, bias

    dense = [f"dense.{index}" for index in range(2 * LAYERS)]
    for name, block in zip(["project", *dense, "step"], list_blocks(theirs), strict=True):
        copy_map(f"{name}.layers.0", block.lin_a)
        copy_map(f"{name}.layers.2", block.lin_b)
        copy_map(f"{name}.skip", block.lin_res)
        if block.layer_norm:
            values = [torch.tensor(value) for value in block.lnorm.get_weights()]
            weights[f"{name}.norm.weight"], weights[f"{name}.norm.bias"] = values
    copy_map("map", theirs.linear)
    for name in ("dense.0.layers.0.weight", "dense.0.skip.weight"):
        weights[name] = reorder_inputs(weights[name])
    last = dense[-1]
    for name in ("layers.2.weight", "layers.2.bias", "skip.weight", "skip.bias"):
        weights[f"{last}.{name}"] = reorder_outputs(weights[f"{last}.{name}"])
    for name in ("weight", "bias"):
        weights[f"{last}.norm.{name}"] = reorder_outputs(weights[f"{last}.norm.{name}"])
    return weights


def reorder_inputs(weight: Tensor) -> Tensor:
    """Return columns of the window and of the projections by steps; theirs are by projection."""
    sizes = [LOOKBACK, PROJECTION_WIDTH * LOOKBACK, PROJECTION_WIDTH * HORIZON, 16]
    window, before, ahead, _series = weight.split(sizes, dim=1)
    parts = [part.unflatten(1, (PROJECTION_WIDTH, -1)).mT.flatten(1) for part in (before, ahead)]
    return torch.cat([window, *parts], dim=1)


def reorder_outputs(weight: Tensor) -> Tensor:
    """Return rows by steps of the horizon; theirs are by decoded values of a step."""
    return weight.unflatten(0, (DECODER_WIDTH, HORIZON)).transpose(0, 1).flatten(0, 1)


if __name__ == "__main__":
    run_recording(record)
