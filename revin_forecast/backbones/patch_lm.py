"""PatchLM: a causal transformer that generates the horizon patch by patch."""

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Attention, FeedForward, cut_segments
from revin_forecast.parameters.transposed import TransposedLinear
from revin_forecast.utils.shapes import Future, Past

HEADS = 4
"""Number of attention heads."""


class PatchLM(Backbone):
    """A causal transformer that continues the series patch by patch.

    Patches are the tokens of a decoder-only language model (as in Das et al., ICML 2024): a linear
    embedding, layers of causal attention and feed-forward networks after layer norms, and a head
    that maps the last token to the next patch. Each predicted patch is appended to the input until
    the horizon is complete. The head is the embedding transposed (Press & Wolf, EACL 2017), one
    parameter under two names. If the look-back is not a multiple of the patch, the first value is
    repeated in front. All channels share the network. In training, too, the input holds the model's
    own predictions with their errors. Left out: training on the true previous patches, and output
    patches of another length.

    With n = ceil(lookback / patch): patch * width + width + n * width
    + layers (12 width² + 13 width) + 2 width + patch parameters, patch * width more if not tied.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        patch: steps in a patch.
        width: token width, a multiple of 4.
        layers: number of transformer layers.
        tied: whether the head is the embedding transposed; False: it has a separate weight.

    Raises:
        ValueError: the patch is below 1, or the width is not a multiple of 4.
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
        """Append predicted patches to each channel's window until the horizon is complete."""
        self.check_past(past)
        patches = cut_segments(past, self.patch)
        predicted: list[Tensor] = []
        for _ in range(-(-self.horizon // self.patch)):
            predicted.append(self.predict_next_patches(patches)[:, -1:])
            # The context keeps its length, for which there are learned positions.
            patches = torch.cat([patches[:, 1:], predicted[-1]], dim=1)
        forecast = torch.cat(predicted, dim=1).flatten(1)[:, : self.horizon]
        return torch.unflatten(forecast, 0, (-1, self.channels)).mT

    def predict_next_patches(self, patches: Tensor) -> Tensor:
        """Return the patch after each patch, predicted from that patch and the earlier ones.

        Args:
            patches: (batch, patches, patch).

        Returns:
            (batch, patches, patch).
        """
        return self.head(self.norm(self.layers(self.embed(patches) + self.positions)))


class _Layer(nn.Module):
    """Causal pre-norm transformer layer, (batch, tokens, width) -> the same shape."""

    def __init__(self, width: int):
        super().__init__()
        self.attention = Attention(width, HEADS)
        self.feed = FeedForward(width, 4 * width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.norms[0](tokens), causal=True)
        return tokens + self.feed(self.norms[1](tokens))
