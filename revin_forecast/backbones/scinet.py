"""SCINet: a binary tree of interacting convolutions."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Dropout
from revin_forecast.utils.shapes import Future, Past

KERNEL_SIZES = (5, 3)
"""Kernel sizes of the two convolutions of a network."""
LEAKY_SLOPE = 0.01
"""Slope of the leaky ReLU below 0."""


class SCINet(Backbone):
    """A tree that splits the window into even and odd steps, with interaction (SCINet).

    Liu et al., NeurIPS 2022. Each node splits its series in two. Each half is scaled by exp of a
    convolutional network of the other half, then shifted by another network. After `levels` splits,
    the leaves are reordered in time, added to the window and mapped to the horizon. A further stack
    takes the window followed by the previous stack's forecast. The first value is repeated in front
    until the length is a multiple of 2^levels. All networks of a level form one grouped
    convolution. Left out: the loss on the forecasts of inner stacks, and the authors' option of a
    single tree for two stacks.

    A network has 5 channels² expansion + channels * expansion + 3 channels² expansion + channels
    parameters. A stack has 4 (2^levels - 1) networks and a map with n * horizon parameters, where n
    is the length after padding.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        levels: levels of each tree.
        stacks: number of consecutive trees.
        expansion: hidden channels of a network per channel.
        dropout: dropout rate of the hidden values.

    Raises:
        ValueError: levels or stacks is below 1.
    """

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        levels: int = 3,
        stacks: int = 1,
        expansion: int = 4,
        dropout: float = 0.25,
    ):
        super().__init__(lookback, horizon, channels)
        if levels < 1 or stacks < 1:
            raise ValueError(f"SCINet needs levels and stacks >= 1 but got {levels} and {stacks}.")
        self.length_multiple = 2**levels
        self.trees, self.maps = nn.ModuleList(), nn.ModuleList()
        for stack in range(stacks):
            steps = lookback + (horizon if stack else 0)
            padded_steps = -(-steps // self.length_multiple) * self.length_multiple
            nodes = (_Level(channels, 2**level, expansion, dropout) for level in range(levels))
            self.trees.append(nn.ModuleList(nodes))
            self.maps.append(nn.Linear(padded_steps, horizon, bias=False))

    def forward(self, past: Past) -> Future:
        """Run each tree over the window and the previous tree's forecast."""
        self.check_past(past)
        series, forecast = past.mT, None
        for tree, map_to_horizon in zip(self.trees, self.maps, strict=True):
            inputs = series if forecast is None else torch.cat([series, forecast], dim=-1)
            missing = -inputs.shape[-1] % self.length_multiple
            inputs = functional.pad(inputs, (missing, 0), "replicate")
            forecast = map_to_horizon(inputs + _apply_tree(tree, inputs))
        assert forecast is not None  # there is at least one stack
        return forecast.mT


def _apply_tree(tree: nn.Module, series: Tensor) -> Tensor:
    """Split at every level, then restore the order of the steps."""
    nodes = series.unsqueeze(1)
    for level in tree.children():
        nodes = level(nodes)
    for _ in tree.children():  # (batch, 2 nodes, ...) -> (batch, nodes, ...), even and odd in turn
        even, odd = nodes.chunk(2, dim=1)
        nodes = torch.stack([even, odd], dim=-1).flatten(-2)
    return nodes.squeeze(1)


class _Level(nn.Module):
    """All nodes of a level, (batch, nodes, channels, time) -> (batch, 2 nodes, ..., time / 2)."""

    def __init__(self, channels: int, nodes: int, expansion: int, dropout: float):
        super().__init__()
        self.scale = _build_nets(channels, 2 * nodes, expansion, dropout)
        self.shift = _build_nets(channels, 2 * nodes, expansion, dropout)

    def forward(self, nodes: Tensor) -> Tensor:
        halves = torch.cat([nodes[..., ::2], nodes[..., 1::2]], dim=1)
        halves = halves * _apply_to_other_half(self.scale, halves).exp()
        # The paper subtracts the shift of one half and adds that of the other; the network can
        # learn the sign.
        return halves + _apply_to_other_half(self.shift, halves)


def _apply_to_other_half(nets: nn.Module, halves: Tensor) -> Tensor:
    """Return the networks' output for each half at the index of the other half."""
    return nets(halves.flatten(1, 2)).view_as(halves).roll(halves.shape[1] // 2, dims=1)


def _build_nets(channels: int, nets: int, expansion: int, dropout: float) -> nn.Sequential:
    """Return `nets` convolutional networks of `channels` each, as grouped convolutions."""
    wide, inner = channels * nets, channels * nets * expansion
    return nn.Sequential(
        nn.ReplicationPad1d((KERNEL_SIZES[0] + KERNEL_SIZES[1]) // 2 - 1),
        nn.Conv1d(wide, inner, KERNEL_SIZES[0], groups=nets),
        nn.LeakyReLU(LEAKY_SLOPE),
        Dropout(dropout),
        nn.Conv1d(inner, wide, KERNEL_SIZES[1], groups=nets),
        nn.Tanh(),
    )
