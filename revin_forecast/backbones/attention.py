"""Parts that the transformers share: attention, its layer, positions."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones.dropout import Dropout


class Attention(nn.Module):
    """Multi-head attention over (batch, tokens, width) (Vaswani et al., NeurIPS 2017).

    4 width² + 4 width parameters. No weight of it is dropped in training: the fused kernels for a
    CPU can't, and the ones that can are several times as slow.

    Args:
        width: of a token.
        heads: the width is split into.

    Raises:
        ValueError: heads that don't divide the width.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        if width % heads:
            raise ValueError(
                f"attention of width {width} can't be split into {heads} heads; "
                "choose a width that is a multiple of heads."
            )
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.keys_values = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self,
        tokens: Tensor,
        memory: Tensor | None = None,
        tau: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Attend from tokens to memory.

        Args:
            tokens: (batch, tokens, width).
            memory: (batch, others, width); None: the tokens themselves.
            tau: (batch,) factor of the logits (Liu et al., NeurIPS 2022); None: 1.
            causal: a token sees itself and those before it only.
        """
        query, keys, values = self.project(tokens, memory)
        mixed = functional.scaled_dot_product_attention(
            scale_query(query, tau), keys, values, is_causal=causal
        )
        return self.merge_heads(mixed)

    def project(self, tokens: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return query, keys and values, each (batch, heads, tokens, width / heads)."""
        if memory is None:
            # One product of the tokens instead of two; the weights are small beside them.
            weight = torch.cat([self.query.weight, self.keys_values.weight])
            bias = torch.cat([self.query.bias, self.keys_values.bias])
            query, keys, values = functional.linear(tokens, weight, bias).chunk(3, dim=-1)
        else:
            query = self.query(tokens)
            keys, values = self.keys_values(memory).chunk(2, dim=-1)
        return self._split_heads(query), self._split_heads(keys), self._split_heads(values)

    def merge_heads(self, mixed: Tensor) -> Tensor:
        """Put the heads together: the way back from what `project` returns."""
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split_heads(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class FeedForward(nn.Sequential):
    """Two linear maps of each token with a GELU between; 2 width * inner + width + inner numbers.

    Args:
        width: of a token.
        inner: width between the maps.
        dropout: share of what lies between that is dropped in training.
    """

    def __init__(self, width: int, inner: int, dropout: float = 0.0):
        super().__init__(
            nn.Linear(width, inner), nn.GELU(), Dropout(dropout), nn.Linear(inner, width)
        )


def scale_query(query: Tensor, tau: Tensor | None) -> Tensor:
    """Return the query times tau, which multiplies every logit; None leaves it alone.

    Args:
        query: (batch, heads, tokens, size).
        tau: (batch,).
    """
    return query if tau is None else query * tau.to(query.dtype).reshape(-1, 1, 1, 1)


def sinusoidal_positions(steps: int, width: int) -> Tensor:
    """Return (steps, width) sines and cosines of each position (Vaswani et al., 2017)."""
    rates = 10_000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angles = torch.arange(steps, dtype=torch.float64).unsqueeze(1) * rates
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
    return waves[:, :width].float()
