"""Read the weights that are shipped with the package."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from revin_forecast.pretrained.network import PretrainedNetwork

WEIGHTS_PATH = Path(__file__).parent / "weights.safetensors"
PREFIX = "members."
"""Names begin with it and the number of the network."""


def load_networks(path: Path = WEIGHTS_PATH) -> list[PretrainedNetwork]:
    """Return the networks of a file of weights; their quantiles are averaged.

    The weights are stored in float16 and used in float32.

    Raises:
        ValueError: the file has no weights of such networks.
    """
    states: dict[str, dict[str, Tensor]] = {}
    for name, weights in load_file(path).items():
        member, _, rest = name.removeprefix(PREFIX).partition(".")
        states.setdefault(member, {})[rest] = weights.to(torch.float32)
    if not states:
        raise ValueError(
            f"{path} has no weights. Use the file of the package, or one that scripts/pretrain.py "
            "wrote."
        )
    networks: list[PretrainedNetwork] = []
    for _, state in sorted(states.items()):
        network = PretrainedNetwork()
        network.load_state_dict(state)
        networks.append(network)
    return networks
