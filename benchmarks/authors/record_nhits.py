"""Record outputs of the authors' N-HiTS.

Clone https://github.com/cchallu/n-hits and check out the commit below. It needs pytorch_lightning
and fastcore.
"""

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw_ending_at_zero, prepare, run_recording
from revin_forecast import NHITS

SOURCE = Source(
    "https://github.com/cchallu/n-hits",
    "d882ee60b34c0ab6b67b31001f735b181a9efb93",
    "The last value of a window is 0: their class adds it to the forecast, which is the task of a "
    "normalizer here; pools divide the look-back and ratios the horizon, as the classes round "
    "differently.",
)
LOOKBACK, HORIZON, CHANNELS, WIDTH = 24, 12, 2, 8
POOLS, RATIOS = (4, 2, 1), (6, 3, 1)
SIZES = {"lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS}
PARAMETERS = {**SIZES, "pools": POOLS, "ratios": RATIOS, "width": WIDTH}


def record(_: Path, out: Path) -> None:
    """Record three blocks of two hidden layers."""
    stacks = len(POOLS)
    theirs: Any = prepare(
        importlib.import_module("src.models.nhits.nhits")._NHITS(
            n_time_in=LOOKBACK, n_time_out=HORIZON, n_s=0, n_x=0, n_s_hidden=0, n_x_hidden=0,
            stack_types=["identity"] * stacks, n_blocks=[1] * stacks, n_layers=[2] * stacks,
            n_theta_hidden=[[WIDTH, WIDTH]] * stacks, n_pool_kernel_size=POOLS,
            n_freq_downsample=RATIOS, pooling_mode="max", interpolation_mode="linear",
            dropout_prob_theta=0.0, activation="ReLU", initialization="lecun_normal",
            batch_normalization=False, shared_weights=False,
        )
    )  # fmt: skip
    ours = NHITS(**PARAMETERS).double()
    ours.load_state_dict(convert_weights(theirs))
    past = draw_ending_at_zero(3, LOOKBACK, CHANNELS)
    series = past.mT.flatten(0, 1)
    unused = series.new_zeros(len(series), 0, LOOKBACK)
    with torch.no_grad():
        forecast = theirs.forecast(
            insample_y=series,
            insample_x_t=unused,
            insample_mask=torch.ones_like(series),
            outsample_x_t=unused,
            x_s=unused,
        )
    outputs = {"forecast": forecast.unflatten(0, (3, CHANNELS)).mT}
    write_fixture(ours, {"past": past}, outputs, PARAMETERS, SOURCE, out / "NHITS.safetensors")


def convert_weights(theirs: nn.Module) -> dict[str, Tensor]:
    """Return the weights by our names; theirs read and write the reversed window."""
    state, weights = theirs.state_dict(), {}
    last = len(POOLS) - 1
    for block in range(len(POOLS)):
        for kind in ("weight", "bias"):
            # Dropout layers are between ours.
            for origin, target in ((0, 0), (2, 3), (4, 6)):
                name = f"blocks.{block}.layers.{target}.{kind}"
                weights[name] = state[f"blocks.{block}.layers.{origin}.{kind}"]
            name = f"blocks.{block}.layers.6.{kind}"
            backcast, forecast = weights[name].tensor_split([LOOKBACK])
            # The last block has no backcast here, since it is not used.
            parts = [forecast] if block == last else [backcast.flip(0), forecast]
            weights[name] = torch.cat(parts)
        weights[f"blocks.{block}.layers.0.weight"] = weights[
            f"blocks.{block}.layers.0.weight"
        ].flip(1)
    return weights


if __name__ == "__main__":
    run_recording(record)
