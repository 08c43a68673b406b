"""Layers that several backbones share: dropout, attention, feed-forward, batch norm, patches."""

import torch
from torch import Tensor, nn
from torch.nn import functional

DRAW_RANGE = 2**16
"""Number of distinct values of one 16-bit draw."""


class Dropout(nn.Module):
    """Dropout like nn.Dropout, with faster random numbers on a CPU.

    Srivastava et al., JMLR 2014. In training, a share of the values is set to zero and the others
    are scaled up by 1 / (1 - share). On a CPU, each 64-bit random number decides about four values,
    so the share is rounded to a multiple of 1 / 65536. With one random number per value, drawing
    took a quarter of a transformer's training time. Other devices use nn.Dropout's implementation.

    Args:
        share: share of values dropped, in [0, 1).

    Raises:
        ValueError: the share is outside [0, 1).
    """

    def __init__(self, share: float):
        super().__init__()
        if not 0 <= share < 1:
            raise ValueError(f"a dropout is a share in [0, 1) but got {share}.")
        self.share = share

    def forward(self, values: Tensor) -> Tensor:
        """Drop values in training; return them unchanged in evaluation."""
        if not self.training or self.share == 0:
            return values
        if not self._uses_packed_draws(values):
            return functional.dropout(values, self.share)
        return values * self._draw_factors(values)

    def add(self, base: Tensor, values: Tensor) -> Tensor:
        """Return base + dropout(values), in one pass over memory.

        Args:
            base: tensor of the same shape, for instance a residual connection.
            values: input of the dropout.
        """
        if not self._uses_packed_draws(values):
            return base + self(values)
        return torch.addcmul(base, values, self._draw_factors(values))

    def _uses_packed_draws(self, values: Tensor) -> bool:
        """Return whether this class draws the decisions: in training, on a CPU, not compiled."""
        return (
            self.training
            and self.share > 0
            and values.device.type == "cpu"
            and not torch.compiler.is_compiling()
        )

    def _draw_factors(self, values: Tensor) -> Tensor:
        """Return 0 or 1 / (1 - share) for each value."""
        words = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        draws = words.view(torch.int16)[: values.numel()].view(values.shape)
        threshold = round(self.share * DRAW_RANGE) - DRAW_RANGE // 2
        # The comparison writes floating-point numbers, as converting booleans takes five times as
        # long.
        factors = torch.ge(draws, threshold, out=torch.empty(values.shape, dtype=values.dtype))
        return factors.mul_(1 / (1 - self.share))

    def extra_repr(self) -> str:
        """Return the share, for repr."""
        return f"{self.share}"


class Attention(nn.Module):
    """Multi-head attention over (batch, tokens, width) (Vaswani et al., NeurIPS 2017).

    4 width² + 4 width parameters. Attention weights are not dropped in training: the fused CPU
    kernels do not support it, and the kernels that do are several times slower.

    Args:
        width: token width.
        heads: number of heads that the width is split into.

    Raises:
        ValueError: the width is not a multiple of heads.
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
            memory: (batch, memory tokens, width); None: the tokens themselves.
            tau: (batch,), factor of the logits (Liu et al., NeurIPS 2022); None: 1.
            causal: each token attends only to itself and earlier tokens.

        Returns:
            (batch, tokens, width).
        """
        query, keys, values = self.project(tokens, memory)
        mixed = functional.scaled_dot_product_attention(
            scale_query(query, tau), keys, values, is_causal=causal
        )
        return self.merge_heads(mixed)

    def project(self, tokens: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return query, keys and values, each (batch, heads, tokens, width / heads)."""
        if memory is None:
            # One product of the tokens instead of two; the weights are small compared with them.
            weight = torch.cat([self.query.weight, self.keys_values.weight])
            bias = torch.cat([self.query.bias, self.keys_values.bias])
            query, keys, values = functional.linear(tokens, weight, bias).chunk(3, dim=-1)
        else:
            query = self.query(tokens)
            keys, values = self.keys_values(memory).chunk(2, dim=-1)
        return self._split_heads(query), self._split_heads(keys), self._split_heads(values)

    def merge_heads(self, mixed: Tensor) -> Tensor:
        """Merge (batch, heads, tokens, width / heads) into tokens and apply the output map."""
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split_heads(self, tokens: Tensor) -> Tensor:
        return torch.unflatten(tokens, -1, (self.heads, -1)).transpose(1, 2)


class FeedForward(nn.Sequential):
    """Two linear maps of each token with a GELU between them.

    2 width * inner + width + inner parameters.

    Args:
        width: token width.
        inner: width between the maps.
        dropout: dropout rate between the maps.
    """

    def __init__(self, width: int, inner: int, dropout: float = 0.0):
        super().__init__(
            nn.Linear(width, inner), nn.GELU(), Dropout(dropout), nn.Linear(inner, width)
        )


def scale_query(query: Tensor, tau: Tensor | None) -> Tensor:
    """Return the query times tau, which multiplies every logit, or the query itself for None.

    Args:
        query: (batch, heads, tokens, size).
        tau: (batch,).
    """
    return query if tau is None else query * tau.to(query.dtype).reshape(-1, 1, 1, 1)


def sinusoidal_positions(steps: int, width: int) -> Tensor:
    """Return (steps, width) sines and cosines of each position (Vaswani et al., NeurIPS 2017)."""
    rates = 10_000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angles = torch.arange(steps, dtype=torch.float64).unsqueeze(1) * rates
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
    return waves[:, :width].to(torch.get_default_dtype())


def apply_batch_norm(norm: nn.Module, values: Tensor) -> Tensor:
    """Apply a batch norm, also to a batch that holds one value of each feature.

    In training, the last batch of an epoch may hold one window. Its values have no variance, so
    the running statistics normalize them.

    Args:
        norm: nn.BatchNorm1d, a batch norm of the second axis.
        values: (rows, features) or (rows, features, steps).
    """
    if not norm.training or values.numel() > values.shape[1]:
        return norm(values)
    scale, offset = merge_batch_norm(norm)
    shape = (-1, *[1] * (values.ndim - 2))
    return values * scale.reshape(shape) + offset.reshape(shape)


def merge_batch_norm(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Return scale and offset of each feature, the effect of an nn.BatchNorm1d in evaluation."""
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    return scale, norm.bias - norm.running_mean * scale


def moving_average(series: Tensor, kernel: int) -> Tensor:
    """Return the moving average of each row, padded with its first and last value.

    Args:
        series: (rows, ..., steps), two or three axes.
        kernel: steps in the average; odd.

    Returns:
        The same shape.

    >>> import torch
    >>> moving_average(torch.tensor([[0.0, 3.0, 6.0]]), kernel=3)
    tensor([[1., 3., 5.]])
    """
    ends = kernel // 2
    first, last = series[..., :1], series[..., -1:]
    padding = (*[-1] * (series.ndim - 1), ends)
    padded = torch.cat([first.expand(padding), series, last.expand(padding)], dim=-1)
    return functional.avg_pool1d(padded, kernel, 1)


def cut_segments(past: Tensor, length: int) -> Tensor:
    """Cut each channel's window into segments, padded in front with its first value.

    Args:
        past: (batch, lookback, channels).
        length: steps in a segment.

    Returns:
        (batch * channels, ceil(lookback / length), length).

    >>> import torch
    >>> cut_segments(torch.arange(3.0).reshape(1, 3, 1), length=2)
    tensor([[[0., 0.],
             [1., 2.]]])
    """
    series = past.mT.flatten(0, 1)
    missing = -past.shape[1] % length
    if missing:
        series = functional.pad(series.unsqueeze(1), (missing, 0), "replicate").squeeze(1)
    return torch.unflatten(series, -1, (-1, length))
