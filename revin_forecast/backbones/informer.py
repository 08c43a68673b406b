"""Informer: ProbSparse attention with a distilling encoder and a one-pass decoder."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones.base import CovariateBackbone, DestationaryBackbone
from revin_forecast.backbones.layers import (
    Attention,
    Dropout,
    FeedForward,
    scale_query,
    sinusoidal_positions,
)
from revin_forecast.utils.shapes import DestationaryFactors, Future, Known, Past

SAMPLING_FACTOR = 5
"""The paper's factor c: c ceil(ln(n + 1)) keys are sampled, and as many queries are active."""
ENCODER_LAYERS = 2


class ProbSparseAttention(Attention):
    """Self-attention for the most active queries; all others get the mean of the values.

    Zhou et al., AAAI 2021. A query's activity is the largest minus the mean of its logits on
    5 ceil(ln(n + 1)) sampled keys. As many queries as sampled keys are active.
    """

    def attend(
        self,
        tokens: Tensor,
        tau: Tensor | None = None,
        delta: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Attend from each token to all tokens, or with `causal` to itself and earlier ones.

        Args:
            tokens: (batch, n, width).
            tau: (batch,), factor of the logits.
            delta: (batch, n), added to the logits of each key.
            causal: each token attends only to itself and earlier tokens.

        Returns:
            (batch, n, width).
        """
        query, keys, values = self.project(tokens, None)
        query = scale_query(query, tau)
        count = tokens.shape[1]
        active_queries = self._active_query_indices(query, keys)
        index = active_queries.unsqueeze(-1).expand(-1, -1, -1, query.shape[-1])
        bias = _attention_bias(active_queries, delta, count, causal, query)
        active = functional.scaled_dot_product_attention(
            query.gather(2, index), keys, values, attn_mask=bias
        )
        return self.merge_heads(_mean_values(values, causal).scatter(2, index, active))

    @torch.no_grad()
    def _active_query_indices(self, query: Tensor, keys: Tensor) -> Tensor:
        """Return (batch, heads, m) indices of the queries with the largest max - mean logit."""
        count = query.shape[2]
        size = min(count, SAMPLING_FACTOR * math.ceil(math.log(count + 1)))
        if self.training:
            sampled_keys = torch.randperm(count, device=keys.device)[:size]
        else:  # evenly spread, so that evaluation is repeatable
            sampled_keys = torch.arange(size, device=keys.device) * count // size
        logits = query @ keys[:, :, sampled_keys].mT
        activity = logits.amax(-1) - logits.mean(-1)
        return activity.topk(size, sorted=False).indices


def _attention_bias(
    queries: Tensor, delta: Tensor | None, count: int, causal: bool, query: Tensor
) -> Tensor | None:
    """Return the bias of the active queries' logits: delta, and -inf for later keys if causal."""
    bias = None
    if delta is not None:
        # Like tau, delta acts before the division by sqrt(size), which attention applies itself.
        bias = delta.to(query.dtype)[:, None, None] * query.shape[-1] ** -0.5
    if causal:
        is_later = torch.arange(count, device=query.device) > queries.unsqueeze(-1)
        causal_bias = torch.zeros_like(is_later, dtype=query.dtype).masked_fill(
            is_later, -torch.inf
        )
        bias = causal_bias if bias is None else bias + causal_bias
    return bias


def _mean_values(values: Tensor, causal: bool) -> Tensor:
    """Return the mean of all values, or of those up to each step, in the shape of the values."""
    if not causal:
        return values.mean(2, keepdim=True).expand_as(values)
    counts = torch.arange(1, values.shape[2] + 1, device=values.device, dtype=values.dtype)
    return values.cumsum(2) / counts.unsqueeze(-1)


class Informer(DestationaryBackbone, CovariateBackbone):
    """Sparse attention, a distilling encoder, and a decoder that forecasts all steps at once.

    Zhou et al., AAAI 2021. ProbSparse attention computes full attention only for the
    5 ceil(ln(n + 1)) queries with the most uneven logits on a sample of as many keys; all other
    queries get the mean of the values. Between the two encoder layers, a convolution with max
    pooling halves the length. The decoder input is the last half of the window followed by zeros
    for the horizon. The factor tau of a `Stationary` normalizer multiplies all logits; its delta is
    added in the first layer, where keys are time steps (Liu et al., NeurIPS 2022).

    Differences from the authors' code: all queries share the sampled keys, so that the sample costs
    one small matrix product; in evaluation the sampled keys are evenly spread, not random; a
    query's activity subtracts the mean of its sampled logits, not their sum over the number of all
    keys; an inactive decoder query gets the running mean of the values, not their sum; the decoder
    keeps the order of heads and steps, as their option `mix=False` does. Left out: several encoders
    over parts of the window.

    With w = width: 2 * 3 channels * w (embeddings) + 2 (covariates + 1) w if there are any
    + 2 encoder layers of 12 w² + 13 w + one distilling 3 w² + 3 w + the decoder's
    16 w² + 19 w + two norms of 2 w + (w + 1) channels parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        covariates: number of known inputs per step, such as calendar features; 0: none.
        width: token width; the feed-forward networks are four times as wide.
        heads: number of attention heads.
        dropout: dropout rate of the hidden values.
    """

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        covariates: int = 0,
        width: int = 64,
        heads: int = 4,
        dropout: float = 0.05,
    ):
        super().__init__(lookback, horizon, channels, covariates)
        self.label = max(1, lookback // 2)
        self.encoder_embedding = _Embedding(channels, covariates, width, lookback)
        self.decoder_embedding = _Embedding(channels, covariates, width, self.label + horizon)
        self.dropout = Dropout(dropout)
        self.encoder = nn.ModuleList(
            _EncoderLayer(width, heads, dropout) for _ in range(ENCODER_LAYERS)
        )
        self.distil = _DistillingLayer(width)
        self.decoder = _DecoderLayer(width, heads, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.map = nn.Linear(width, channels)

    def forward(
        self, past: Past, factors: DestationaryFactors | None = None, *, known: Known | None = None
    ) -> Future:
        """Encode the window, then decode the whole horizon in one pass."""
        self.check_past(past)
        known = self.check_known(past, known)
        known = None if known is None else known.to(past.dtype)
        tau, delta = (None, None) if factors is None else (factors.tau, factors.delta)
        encoder_known = None if known is None else known[:, : self.lookback]
        tokens = self.dropout(self.encoder_embedding(past, encoder_known))
        first, second = self.encoder
        # delta belongs to time steps; after distilling, tokens are no longer steps.
        tokens = second(self.distil(first(tokens, tau, delta)), tau)
        memory = self.norms[0](tokens)
        decoder_input = functional.pad(past[:, -self.label :], (0, 0, 0, self.horizon))
        decoder_known = None if known is None else known[:, self.lookback - self.label :]
        tokens = self.dropout(self.decoder_embedding(decoder_input, decoder_known))
        decoded = self.norms[1](self.decoder(tokens, memory, tau))
        return self.map(decoded[:, -self.horizon :])


class _Embedding(nn.Module):
    """Sum of a circular convolution of the values, positions and a linear map of known inputs."""

    def __init__(self, channels: int, covariates: int, width: int, steps: int):
        super().__init__()
        self.values = nn.Conv1d(channels, width, 3, padding=1, padding_mode="circular", bias=False)
        self.known = nn.Linear(covariates, width) if covariates else None
        self.positions: Tensor
        self.register_buffer("positions", sinusoidal_positions(steps, width), persistent=False)

    def forward(self, values: Tensor, known: Tensor | None) -> Tensor:
        tokens = self.values(values.mT).mT + self.positions
        return tokens if known is None or self.known is None else tokens + self.known(known)


class _DistillingLayer(nn.Module):
    """Convolution and max pooling that halve the number of tokens."""

    def __init__(self, width: int):
        super().__init__()
        self.convolve = nn.Conv1d(width, width, 3, padding=1, padding_mode="circular")
        self.norm = nn.BatchNorm1d(width)

    def forward(self, tokens: Tensor) -> Tensor:
        peaks = functional.elu(self.norm(self.convolve(tokens.mT)))
        return functional.max_pool1d(peaks, 3, 2, 1).mT


class _EncoderLayer(nn.Module):
    """ProbSparse self-attention and a feed-forward network, each followed by a layer norm."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.attention = ProbSparseAttention(width, heads)
        self.feed = FeedForward(width, 4 * width, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.dropout = Dropout(dropout)

    def forward(
        self, tokens: Tensor, tau: Tensor | None = None, delta: Tensor | None = None
    ) -> Tensor:
        mixed = self.attention.attend(tokens, tau, delta)
        tokens = self.norms[0](tokens + self.dropout(mixed))
        return self.norms[1](tokens + self.dropout(self.feed(tokens)))


class _DecoderLayer(nn.Module):
    """Causal ProbSparse self-attention, attention to the encoder and a feed-forward network."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.attention = ProbSparseAttention(width, heads)
        self.cross = Attention(width, heads)
        self.feed = FeedForward(width, 4 * width, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, memory: Tensor, tau: Tensor | None) -> Tensor:
        mixed = self.attention.attend(tokens, tau, causal=True)
        tokens = self.norms[0](tokens + self.dropout(mixed))
        tokens = self.norms[1](tokens + self.dropout(self.cross(tokens, memory, tau)))
        return self.norms[2](tokens + self.dropout(self.feed(tokens)))
