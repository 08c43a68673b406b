"""Record outputs of the authors' N-BEATS.

Clone https://github.com/ServiceNow/N-BEATS and check out the commit below.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import Source, default_float64, write_fixture
from benchmarks.authors.recording import (
    DoublePrecision,
    draw_ending_at_zero,
    prepare,
    run_recording,
)
from revin_forecast import NBEATS

REPOSITORY = "https://github.com/ServiceNow/N-BEATS"
COMMIT = "c746a4f13ffc957487e0c3279b182c3030836053"
GENERIC = (
    "The last value of a window is 0: their class adds it to the forecast, which is the task of a "
    "normalizer here."
)
INTERPRETABLE = (
    "The last value of a window is 0, as above; the bases are computed in float64; the "
    "coefficients of horizon / 2 periods are 0, since the paper's basis ends before them."
)
LOOKBACK, HORIZON, CHANNELS, WIDTH, LAYERS, BLOCKS = 24, 8, 2, 8, 4, 2
SIZES: dict[str, Any] = {
    "lookback": LOOKBACK,
    "horizon": HORIZON,
    "channels": CHANNELS,
    "width": WIDTH,
}


def record(_: Path, out: Path) -> None:
    """Record two generic blocks, and the interpretable model with shared blocks."""
    home: Any = importlib.import_module("models.nbeats")
    home.np, home.t = DoublePrecision(home.np), DoublePrecision(home.t)
    generic = home.GenericBasis(LOOKBACK, HORIZON)
    trend = home.TrendBasis(3, LOOKBACK, HORIZON)
    season = home.SeasonalityBasis(1, LOOKBACK, HORIZON)

    def build_block(basis: nn.Module, coefficients: int) -> nn.Module:
        return prepare(home.NBeatsBlock(LOOKBACK, coefficients, basis, LAYERS, WIDTH))

    blocks = [build_block(generic, LOOKBACK + HORIZON) for _ in range(BLOCKS)]
    parameters = SIZES | {"width": WIDTH, "stacks": ["generic"], "blocks": BLOCKS}
    weights = convert_stack(blocks, "stacks.0") | drop_last_backcast(blocks[-1])
    write_output(home.NBeats(nn.ModuleList(blocks)), weights, parameters, GENERIC, out)

    kinds = {"trend": build_block(trend, 8), "seasonality": build_block(season, 2 * HORIZON)}
    # Their bases are parameters without gradients, which must keep their values.
    kinds["trend"].basis_function = home.TrendBasis(3, LOOKBACK, HORIZON)
    kinds["seasonality"].basis_function = home.SeasonalityBasis(1, LOOKBACK, HORIZON)
    parameters = SIZES | {"width": WIDTH, "stacks": list(kinds), "blocks": BLOCKS, "shared": True}
    with default_float64():
        ours = NBEATS(**parameters)  # for its bases
    weights = {}
    for index, block in enumerate(kinds.values()):
        stack = convert_stack([block] * BLOCKS, f"stacks.{index}")
        for number in range(BLOCKS):
            name = f"stacks.{index}.{number}"
            convert_coefficients(stack, name, block, ours.get_submodule(name))
        weights |= stack
    blocks = [block for block in kinds.values() for _ in range(BLOCKS)]
    write_output(home.NBeats(nn.ModuleList(blocks)), weights, parameters, INTERPRETABLE, out)


def write_output(
    theirs: nn.Module,
    weights: dict[str, Tensor],
    parameters: dict[str, Any],
    differences: str,
    out: Path,
) -> None:
    """Record the forecast of each channel."""
    ours = NBEATS(**parameters).double()
    ours.load_state_dict(weights)
    past = draw_ending_at_zero(3, LOOKBACK, CHANNELS)
    series = past.mT.flatten(0, 1)
    with torch.no_grad():
        forecast = theirs(series, torch.ones_like(series)).unflatten(0, (3, CHANNELS)).mT
    name = "NBEATS_interpretable" if parameters.get("shared") else "NBEATS"
    source = Source(REPOSITORY, COMMIT, differences)
    path = out / f"{name}.safetensors"
    write_fixture(ours, {"past": past}, {"forecast": forecast}, parameters, source, path)


def convert_stack(blocks: Sequence[nn.Module], name: str) -> dict[str, Tensor]:
    """Return the weights of generic blocks; theirs read and write the reversed window."""
    weights: dict[str, Tensor] = {}
    for number, block in enumerate(blocks):
        state = block.state_dict()
        for layer in range(LAYERS):
            for kind in ("weight", "bias"):
                weights[f"{name}.{number}.layers.{2 * layer}.{kind}"] = state[
                    f"layers.{layer}.{kind}"
                ]
        first = f"{name}.{number}.layers.0.weight"
        weights[first] = weights[first].flip(1)
        for kind in ("weight", "bias"):
            value = state[f"basis_parameters.{kind}"]
            reverse = torch.cat([value[:LOOKBACK].flip(0), value[LOOKBACK:]])
            weights[f"{name}.{number}.coefficients.{kind}"] = reverse
    return weights


def drop_last_backcast(block: nn.Module) -> dict[str, Tensor]:
    """Return the coefficients of the last block, whose backcast is not used."""
    state = block.state_dict()
    name = f"stacks.0.{BLOCKS - 1}.coefficients"
    return {
        f"{name}.{kind}": state[f"basis_parameters.{kind}"][LOOKBACK:]
        for kind in ("weight", "bias")
    }


def convert_coefficients(
    weights: dict[str, Tensor], name: str, theirs: nn.Module, ours: nn.Module
) -> None:
    """Express their coefficients, first the forecast's, in our bases, first the backcast's.

    Both bases span the same functions; theirs is in reversed time for the backcast.
    """
    layer = theirs.basis_parameters
    assert isinstance(layer, nn.Linear)
    assert isinstance(theirs.basis_function, nn.Module)
    identity = torch.eye(layer.out_features, dtype=torch.float64)
    backcast, forecast = theirs.basis_function(identity)
    pairs = (ours.get_buffer("past"), backcast.flip(1)), (ours.get_buffer("future"), forecast)
    # The limit skips the sine of horizon / 2 periods, which is 0 at every step.
    parts = [torch.linalg.pinv(target.mT, rtol=1e-10) @ basis.mT for target, basis in pairs]
    rotation = torch.cat(parts)
    weights[f"{name}.coefficients.weight"] = rotation @ layer.weight.detach()
    weights[f"{name}.coefficients.bias"] = rotation @ layer.bias.detach()


if __name__ == "__main__":
    run_recording(record)
