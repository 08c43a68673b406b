"""PatchTST: a transformer over patches of each channel."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Attention, Dropout, FeedForward
from revin_forecast.utils.shapes import Future, Past

HEADS = 4
"""Number of attention heads."""


class PatchTST(Backbone):
    """A transformer over half-overlapping patches of each channel (PatchTST).

    Nie et al., ICLR 2023. The last value is repeated for half a patch, as in the paper. Patches get
    learned positions. A layer is attention (4 heads) and a feed-forward network of twice the width,
    both residual and followed by a batch norm. The concatenated outputs are mapped to the horizon.
    All channels share the network. Left out: pre-training by masked patches; the authors' residual
    attention, which adds the logits of one layer to those of the next.

    With n = (lookback - patch) // (patch // 2) + 2 patches: (patch + 1 + n) width
    + layers (8 width² + 11 width) + (n * width + 1) horizon parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        patch: steps in a patch; even.
        width: token width, a multiple of 4.
        layers: number of encoder layers.
        dropout: dropout rate of the hidden values.

    Raises:
        ValueError: the look-back is shorter than a patch, or the patch is odd.
    """

    channel_independent = True

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        patch: int = 16,
        width: int = 64,
        layers: int = 2,
        dropout: float = 0.2,
    ):
        super().__init__(lookback, horizon, channels)
        if not 2 <= patch <= lookback or patch % 2:
            raise ValueError(
                f"PatchTST needs an even patch within its look-back of {lookback} but got {patch}."
            )
        self.patch = patch
        self.stride = patch // 2
        patches = (lookback - patch) // self.stride + 2
        self.embed = nn.Linear(patch, width)
        self.positions = nn.Parameter(torch.empty(patches, width).uniform_(-0.02, 0.02))
        self.dropout = Dropout(dropout)
        self.layers = nn.Sequential(*(_Layer(width, dropout) for _ in range(layers)))
        self.map = nn.Linear(patches * width, horizon)

    def forward(self, past: Past) -> Future:
        """Cut each channel into patches, encode them and map them to the horizon."""
        self.check_past(past)
        series = functional.pad(past.mT, (0, self.stride), "replicate").flatten(0, 1)
        patches = series.unfold(-1, self.patch, self.stride)
        tokens = self.layers(self.dropout(self.embed(patches) + self.positions))
        forecast = self.map(self.dropout(tokens.flatten(1)))
        return forecast.unflatten(0, (-1, self.channels)).mT


class _Layer(nn.Module):
    """Encoder layer, (batch, tokens, width) -> the same shape."""

    def __init__(self, width: int, dropout: float):
        super().__init__()
        self.attention = Attention(width, HEADS)
        self.feed = FeedForward(width, 2 * width, dropout)
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(2))
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self._apply_norm(0, self.dropout.add(tokens, self.attention(tokens)))
        return self._apply_norm(1, self.dropout.add(tokens, self.feed(tokens)))

    def _apply_norm(self, index: int, tokens: Tensor) -> Tensor:
        # Every token is a row of the batch norm, which saves the transposed copy that
        # (batch, width, tokens) would need.
        return self.norms[index](tokens.flatten(0, 1)).view_as(tokens)
