"""iTransformer: attention between channels instead of time steps."""

from torch import Tensor, nn

from revin_forecast.backbones.base import DestationaryBackbone
from revin_forecast.backbones.layers import Attention, Dropout, FeedForward
from revin_forecast.utils.shapes import DestationaryFactors, Future, Past

HEADS = 4
"""Number of attention heads."""


class InvertedTransformer(DestationaryBackbone):
    """A transformer whose tokens are the channels' whole windows (iTransformer).

    Liu et al., ICLR 2024. Each channel's window is one token. A layer is attention between channels
    (4 heads) and a feed-forward network, both residual and followed by a layer norm. Each token is
    mapped to its channel's horizon. The factor tau of a `Stationary` normalizer multiplies the
    logits; its delta is ignored, as it belongs to keys that are time steps. Left out: time stamps
    as additional tokens.

    (lookback + 1) width + layers (6 width² + 10 width) + 2 width + (width + 1) horizon parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        width: token width, a multiple of 4; the feed-forward network has the same width.
        layers: number of encoder layers.
        dropout: dropout rate of the hidden values.
    """

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        width: int = 128,
        layers: int = 2,
        dropout: float = 0.1,
    ):
        super().__init__(lookback, horizon, channels)
        self.embed = nn.Linear(lookback, width)
        self.dropout = Dropout(dropout)
        self.layers = nn.ModuleList(_Layer(width, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.map = nn.Linear(width, horizon)

    def forward(self, past: Past, factors: DestationaryFactors | None = None) -> Future:
        """Apply attention between channels, then map each channel's token to its horizon."""
        self.check_past(past)
        tau = None if factors is None else factors.tau
        tokens = self.dropout(self.embed(past.mT))
        for layer in self.layers:
            tokens = layer(tokens, tau)
        return self.map(self.norm(tokens)).mT


class _Layer(nn.Module):
    """Encoder layer, (batch, tokens, width) -> the same shape."""

    def __init__(self, width: int, dropout: float):
        super().__init__()
        self.attention = Attention(width, HEADS)
        self.feed = FeedForward(width, width, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, tau: Tensor | None) -> Tensor:
        tokens = self.norms[0](self.dropout.add(tokens, self.attention(tokens, tau=tau)))
        return self.norms[1](self.dropout.add(tokens, self.feed(tokens)))
