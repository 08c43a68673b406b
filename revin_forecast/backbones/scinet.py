import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Dropout
from revin_forecast.shapes import Future, Past

KERNEL_SIZES = (5, 3)
LEAKY_SLOPE = 0.01


class SCINet(Backbone):
    """A tree that splits the window into even and odd steps and lets the two interact (SCINet).

    Liu et al., NeurIPS 2022. Each node splits its series; each half is scaled by exp of one
    convolutional net of the other half, then shifted by another; after `levels` splits the leaves
    are put back in order, added to the window and mapped to the horizon over time. A further stack
    sees the window followed by the forecast so far. The first value is repeated in front until the
    length can be split. All nets of a level are one grouped convolution. Left out: the loss on the
    forecasts of inner stacks, and the single tree for two stacks that the authors also offer.

    A net has 5 channels² expansion + channels * expansion + 3 channels² expansion + channels
    parameters; there are 4 (2^levels - 1) in a stack, and the map of a stack of n steps has
    n * horizon, where n is the length after repeating.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        levels: of the tree.
        stacks: trees in a row.
        expansion: inner channels of a net for each channel.
        dropout: share of the inner values dropped in training.
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
            seen = lookback + (horizon if stack else 0)
            nets = (_Level(channels, 2**level, expansion, dropout) for level in range(levels))
            self.trees.append(nn.ModuleList(nets))
            self.maps.append(
                nn.Linear(
                    -(-seen // self.length_multiple) * self.length_multiple, horizon, bias=False
                )
            )

    def forward(self, past: Past) -> Future:
        """Run each tree over the window and the forecast so far."""
        self.check_past(past)
        series, ahead = past.mT, None
        for tree, map_to_horizon in zip(self.trees, self.maps, strict=True):
            seen = series if ahead is None else torch.cat([series, ahead], dim=-1)
            seen = functional.pad(seen, (-seen.shape[-1] % self.length_multiple, 0), "replicate")
            ahead = map_to_horizon(seen + _apply_tree(tree, seen))
        assert ahead is not None  # there is a stack
        return ahead.mT


def _apply_tree(tree: nn.Module, series: Tensor) -> Tensor:
    """Split at every level, then put the leaves back in order."""
    nodes = series.unsqueeze(1)
    for level in tree.children():
        nodes = level(nodes)
    for _ in tree.children():  # (batch, 2 nodes, ...) -> (batch, nodes, ...), even and odd in turn
        even, odd = nodes.chunk(2, dim=1)
        nodes = torch.stack([even, odd], dim=-1).flatten(-2)
    return nodes.squeeze(1)


class _Level(nn.Module):
    """All nodes of one level: (batch, nodes, channels, time) -> (batch, 2 nodes, ..., time / 2)."""

    def __init__(self, channels: int, nodes: int, expansion: int, dropout: float):
        super().__init__()
        self.scale = _build_nets(channels, 2 * nodes, expansion, dropout)
        self.shift = _build_nets(channels, 2 * nodes, expansion, dropout)

    def forward(self, nodes: Tensor) -> Tensor:
        halves = torch.cat([nodes[..., ::2], nodes[..., 1::2]], dim=1)
        halves = halves * _apply_to_other_half(self.scale, halves).exp()
        # The paper takes the shift of one half off and adds the other's: a sign its net can learn.
        return halves + _apply_to_other_half(self.shift, halves)


def _apply_to_other_half(nets: nn.Module, halves: Tensor) -> Tensor:
    """Return the nets' values of each half in the place of the other."""
    return nets(halves.flatten(1, 2)).view_as(halves).roll(halves.shape[1] // 2, dims=1)


def _build_nets(channels: int, nets: int, expansion: int, dropout: float) -> nn.Sequential:
    """Return `nets` small nets of `channels` each, side by side."""
    wide, inner = channels * nets, channels * nets * expansion
    return nn.Sequential(
        nn.ReplicationPad1d((KERNEL_SIZES[0] + KERNEL_SIZES[1]) // 2 - 1),
        nn.Conv1d(wide, inner, KERNEL_SIZES[0], groups=nets),
        nn.LeakyReLU(LEAKY_SLOPE),
        Dropout(dropout),
        nn.Conv1d(inner, wide, KERNEL_SIZES[1], groups=nets),
        nn.Tanh(),
    )
