import math

import torch
from torch import Tensor
from torch.nn import functional

from revin_forecast.backbones.attention import Attention, scale_query

SAMPLING_FACTOR = 5


class ProbSparseAttention(Attention):
    """Self-attention of the queries that stand out; the mean of the values for the others.

    Zhou et al., AAAI 2021. A query stands out by the spread, largest minus mean, of its logits on
    5 ceil(ln(n + 1)) sampled keys, and as many queries are taken.
    """

    def attend(
        self,
        tokens: Tensor,
        tau: Tensor | None = None,
        delta: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Attend from each token to all, or to itself and those before it.

        Args:
            tokens: (batch, n, width).
            tau: (batch,) factor of the logits.
            delta: (batch, n), added to the logits of each key.
            causal: a token sees itself and those before it only.
        """
        query, keys, values = self.project(tokens, None)
        query = scale_query(query, tau)
        count = tokens.shape[1]
        chosen = self._active_query_indices(query, keys)
        index = chosen.unsqueeze(-1).expand(-1, -1, -1, query.shape[-1])
        bias = _attention_bias(chosen, delta, count, causal, query)
        active = functional.scaled_dot_product_attention(
            query.gather(2, index), keys, values, attn_mask=bias
        )
        return self.merge_heads(_mean_values(values, causal).scatter(2, index, active))

    @torch.no_grad()
    def _active_query_indices(self, query: Tensor, keys: Tensor) -> Tensor:
        """Return (batch, heads, m) numbers of the queries with the largest max - mean logit."""
        count = query.shape[2]
        size = min(count, SAMPLING_FACTOR * math.ceil(math.log(count + 1)))
        if self.training:
            sampled = torch.randperm(count, device=keys.device)[:size]
        else:
            sampled = torch.arange(size, device=keys.device) * count // size
        logits = query @ keys[:, :, sampled].mT
        spread = logits.amax(-1) - logits.mean(-1)
        return spread.topk(size, sorted=False).indices


def _attention_bias(
    chosen: Tensor, delta: Tensor | None, count: int, causal: bool, query: Tensor
) -> Tensor | None:
    """Return what is added to the logits of the chosen queries, -inf where they may not look."""
    bias = None
    if delta is not None:  # as tau: in front of the division by the root of the size
        bias = delta.to(query.dtype)[:, None, None] * query.shape[-1] ** -0.5
    if causal:
        later = torch.arange(count, device=query.device) > chosen.unsqueeze(-1)
        hidden = torch.zeros_like(later, dtype=query.dtype).masked_fill(later, -torch.inf)
        bias = hidden if bias is None else bias + hidden
    return bias


def _mean_values(values: Tensor, causal: bool) -> Tensor:
    """Return the mean of all values, or up to each step, in the values' shape."""
    if not causal:
        return values.mean(2, keepdim=True).expand_as(values)
    counts = torch.arange(1, values.shape[2] + 1, device=values.device, dtype=values.dtype)
    return values.cumsum(2) / counts.unsqueeze(-1)
