import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Attention, FeedForward, cut_segments
from revin_forecast.parameters.sharing import TransposedLinear
from revin_forecast.shapes import Future, Past

HEADS = 4


class PatchLM(Backbone):
    """A causal transformer that writes the series on, patch by patch.

    Patches are the words of a decoder-only language model (Das et al., ICML 2024, forecast so): a
    linear embedding, layers of causal attention and feed-forward nets behind layer norms, and a
    head that turns the last token into the next patch, which is put at the end, until the horizon
    is full. The head is the embedding transposed (Press & Wolf, EACL 2017), one parameter under two
    names. A window that is no whole number of patches begins with its first value repeated. One
    network for all channels. It learns from the forecasts that it writes itself, errors included.
    Left out: training on the true patches so far, and patches of another length at the head.

    With n = ceil(lookback / patch): patch * width + width + n * width
    + layers (12 width² + 13 width) + 2 width + patch parameters, patch * width more if not tied.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        patch: steps in a patch.
        width: of a token, a multiple of 4.
        layers: of the transformer.
        tied: the head is the embedding transposed; False: it has a weight of its own.
    """

    channel_independent = True

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        patch: int = 24,
        width: int = 64,
        layers: int = 2,
        tied: bool = True,
    ):
        super().__init__(lookback, horizon, channels)
        if patch < 1:
            raise ValueError(f"PatchLM needs patch >= 1 but got {patch}.")
        self.patch = patch
        self.embed = nn.Linear(patch, width)
        self.positions = nn.Parameter(torch.randn(-(-lookback // patch), width) * 0.02)
        self.layers = nn.Sequential(*(_Layer(width) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = TransposedLinear(self.embed) if tied else nn.Linear(width, patch)

    def forward(self, past: Past) -> Future:
        """Write patch after patch behind each channel's window."""
        self.check_past(past)
        text, written = cut_segments(past, self.patch), []
        for _ in range(-(-self.horizon // self.patch)):
            written.append(self.predict_next_patches(text)[:, -1:])
            text = torch.cat([text[:, 1:], written[-1]], dim=1)
        ahead = torch.cat(written, dim=1).flatten(1)[:, : self.horizon]
        return ahead.unflatten(0, (-1, self.channels)).mT

    def predict_next_patches(self, patches: Tensor) -> Tensor:
        """Return what follows each patch, seeing it and those before it only.

        Args:
            patches: (batch, patches, patch).
        """
        return self.head(self.norm(self.layers(self.embed(patches) + self.positions)))


class _Layer(nn.Module):
    """(batch, tokens, width) -> the same shape; a token sees those before it."""

    def __init__(self, width: int):
        super().__init__()
        self.attention = Attention(width, HEADS)
        self.feed = FeedForward(width, 4 * width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.norms[0](tokens), causal=True)
        return tokens + self.feed(self.norms[1](tokens))
