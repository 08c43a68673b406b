"""TimeXer: patches of each channel, and tokens of whole windows and known inputs."""

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import CovariateBackbone
from revin_forecast.backbones.layers import (
    Attention,
    Dropout,
    FeedForward,
    cut_segments,
    sinusoidal_positions,
)
from revin_forecast.utils.shapes import Future, Known, Past

HEADS = 4
"""Number of attention heads."""
DROPOUT = 0.1
"""Dropout rate of the hidden values in all scripts of the authors."""


class TimeXer(CovariateBackbone):
    """Patches of each channel that learn from the other channels and known inputs (TimeXer).

    Wang et al., NeurIPS 2024. The tokens of a channel are its patches with sinusoidal positions and
    one global token, a parameter of the channel. A layer consists of attention between a channel's
    tokens (4 heads), attention from its global token to the variate tokens, and a feed-forward
    network of twice the width, all three residual and followed by a layer norm. Variate tokens are
    linear maps of whole series: one token for the window of each channel, and one for each known
    input over window and horizon. The tokens of a channel are concatenated and mapped to its
    horizon.

    Without known inputs this is the authors' multivariate mode. It differs from their code where
    that ignores data: known inputs are embedded over the window only, so their values in the
    horizon have no effect; and if the look-back is not a multiple of the patch, no patch has the
    newest values. Here the first value is repeated in front instead. Dropout before the last map
    replaces theirs of the forecast itself. Left out: dropout of attention weights; the authors' own
    normalization; their mode with one forecast channel.

    With n = ceil(lookback / patch): (patch + channels + lookback + 1) width, and
    (lookback + horizon + 1) width if there are covariates, + layers (12 width² + 17 width)
    + 2 width + ((n + 1) width + 1) horizon parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        covariates: number of known inputs per step; 0: none.
        patch: steps in a patch.
        width: token width, a multiple of 4.
        layers: number of encoder layers.

    Raises:
        ValueError: patch or layers is below 1, or the width is not a positive multiple of 4.
    """

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        covariates: int = 0,
        patch: int = 16,
        width: int = 64,
        layers: int = 1,
    ):
        super().__init__(lookback, horizon, channels, covariates)
        if patch < 1 or layers < 1:
            raise ValueError(
                f"TimeXer needs patch >= 1 and layers >= 1 but got {patch} and {layers}."
            )
        if width < HEADS or width % HEADS:
            raise ValueError(
                f"TimeXer needs a width that is a multiple of its {HEADS} heads but got {width}. "
                "Pass width=64."
            )
        self.patch = patch
        patches = -(-lookback // patch)
        self.embed = nn.Linear(patch, width, bias=False)
        self.positions: Tensor
        self.register_buffer("positions", sinusoidal_positions(patches, width), persistent=False)
        self.global_tokens = nn.Parameter(torch.randn(channels, width))
        self.embed_series = nn.Linear(lookback, width)
        self.embed_known = nn.Linear(lookback + horizon, width) if covariates else None
        self.dropout = Dropout(DROPOUT)
        self.layers = nn.ModuleList(_Layer(channels, width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.map = nn.Linear((patches + 1) * width, horizon)

    def forward(self, past: Past, *, known: Known | None = None) -> Future:
        """Encode each channel's tokens and map them to its horizon."""
        self.check_past(past)
        variates = self.dropout(self._embed_variates(past, self.check_known(past, known)))
        patches = self.embed(cut_segments(past, self.patch)) + self.positions
        ends = self.global_tokens.repeat(past.shape[0], 1).unsqueeze(1)
        tokens = self.dropout(torch.cat([patches, ends], dim=1))
        for layer in self.layers:
            tokens = layer(tokens, variates)
        forecast = self.map(self.dropout(self.norm(tokens).flatten(1)))
        return forecast.unflatten(0, (-1, self.channels)).mT

    def _embed_variates(self, past: Tensor, known: Tensor | None) -> Tensor:
        """Return the variate tokens, (batch, channels + covariates, width)."""
        variates = self.embed_series(past.mT)
        if known is None or self.embed_known is None:
            return variates
        return torch.cat([variates, self.embed_known(known.to(past.dtype).mT)], dim=1)


class _Layer(nn.Module):
    """Encoder layer; maps (batch * channels, tokens, width) to the same shape."""

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.channels = channels
        self.attention = Attention(width, HEADS)
        self.cross = Attention(width, HEADS)
        self.feed = FeedForward(width, 2 * width, DROPOUT)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.dropout = Dropout(DROPOUT)

    def forward(self, tokens: Tensor, variates: Tensor) -> Tensor:
        """Mix a channel's tokens, then its last one with the variates (batch, n, width)."""
        tokens = self.norms[0](self.dropout.add(tokens, self.attention(tokens)))
        patches, ends = tokens[:, :-1], tokens[:, -1]
        ends = torch.unflatten(ends, 0, (-1, self.channels))
        ends = self.norms[1](self.dropout.add(ends, self.cross(ends, variates)))
        tokens = torch.cat([patches, ends.flatten(0, 1).unsqueeze(1)], dim=1)
        return self.norms[2](self.dropout.add(tokens, self.feed(tokens)))
