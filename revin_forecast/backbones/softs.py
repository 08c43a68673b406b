"""SOFTS: channels exchange information through one shared core."""

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Dropout, FeedForward
from revin_forecast.utils.shapes import Future, Past


class SOFTS(Backbone):
    """An encoder whose channels exchange information through a core instead of attention (SOFTS).

    Han et al., NeurIPS 2024. Each channel's window is one token. A layer is a STAR module (STar
    Aggregate-Redistribute) and a feed-forward network of the same width, both residual and followed
    by a layer norm. STAR maps every token to core values, pools each value over the channels and
    adds the result to every token's input, so that its cost is linear in the number of channels.
    Each token is mapped to its channel's horizon. The function is that of the authors' code. Left
    out: time stamps as additional tokens; the authors' own normalization.

    (lookback + 1) width + layers (5 width² + 2 width core + 9 width + core)
    + (width + 1) horizon parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        width: token width; the feed-forward network has the same width.
        core: number of values that the channels share.
        layers: number of encoder layers.
        dropout: dropout rate of the hidden values.

    Raises:
        ValueError: width, core or layers is below 1.
    """

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        width: int = 128,
        core: int = 64,
        layers: int = 2,
        dropout: float = 0.1,
    ):
        super().__init__(lookback, horizon, channels)
        for name, size in (("width", width), ("core", core), ("layers", layers)):
            if size < 1:
                raise ValueError(f"SOFTS needs {name} >= 1 but got {size}.")
        self.embed = nn.Linear(lookback, width)
        self.dropout = Dropout(dropout)
        self.layers = nn.Sequential(*(_Layer(width, core, dropout) for _ in range(layers)))
        self.map = nn.Linear(width, horizon)

    def forward(self, past: Past) -> Future:
        """Exchange information between the channels' tokens and map each to its horizon."""
        self.check_past(past)
        return self.map(self.layers(self.dropout(self.embed(past.mT)))).mT


class _Layer(nn.Module):
    """Encoder layer, (batch, channels, width) -> the same shape."""

    def __init__(self, width: int, core: int, dropout: float):
        super().__init__()
        self.star = _STAR(width, core)
        self.feed = FeedForward(width, width, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.norms[0](self.dropout.add(tokens, self.star(tokens)))
        return self.norms[1](self.dropout.add(tokens, self.feed(tokens)))


class _STAR(nn.Module):
    """Aggregate all tokens to a core and give it to each: W4 gelu(W3 [token, pool(core)])."""

    def __init__(self, width: int, core: int):
        super().__init__()
        self.aggregate = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, core))
        self.redistribute = nn.Sequential(
            nn.Linear(width + core, width), nn.GELU(), nn.Linear(width, width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        core = _pool_channels(self.aggregate(tokens), self.training)
        shared = core.expand(-1, tokens.shape[1], -1)
        return self.redistribute(torch.cat([tokens, shared], dim=-1))


def _pool_channels(values: Tensor, draws: bool) -> Tensor:
    """Pool (batch, channels, core) over the channels to (batch, 1, core) (stochastic pooling).

    Zeiler & Fergus, ICLR 2013. The softmax of a core value over the channels is a probability: in
    training one channel's value is drawn with it, in evaluation it weights the mean.
    """
    shares = values.softmax(dim=1)
    if not draws:
        return (values * shares).sum(1, keepdim=True)
    # The largest share / exponential is each channel's with the probability of its share. Unlike
    # torch.multinomial, this does not copy the shares to rows and waits for no check of them.
    drawn = (shares / torch.empty_like(shares).exponential_()).argmax(1, keepdim=True)
    return values.gather(1, drawn)
