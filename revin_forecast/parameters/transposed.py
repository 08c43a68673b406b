"""Layers that use the weight of another layer in the opposite direction.

The transpose of a linear map A satisfies <A x, y> = <x, Aᵀ y>. Each layer here holds the same
parameter as its source, or computes its weight from the same parameters if the source's weight is
parametrized (`weight_norm`, `spectral_norm`).
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize

from revin_forecast.parameters.parametrized import share_parametrization


class TransposedLinear(nn.Module):
    """A linear layer that uses the transposed weight of another layer: y = x W + b.

    Both layers hold the same `nn.Parameter`, so the way from outputs to inputs needs no weight of
    its own, as in autoencoders (Vincent et al., JMLR 2010) and language models (Press & Wolf, EACL
    2017). The bias starts at zero, with the dtype and device of the weight.

    Args:
        source: the linear layer whose weight is used.
        bias: add a learned bias.

    Raises:
        TypeError: the source is not an `nn.Linear`.
        ValueError: a hook computes the source's weight, or it has none yet (`nn.LazyLinear`).

    >>> import torch
    >>> encoder = nn.Linear(16, 3)
    >>> decoder = TransposedLinear(encoder)
    >>> decoder.weight is encoder.weight, decoder(encoder(torch.ones(2, 16))).shape
    (True, torch.Size([2, 16]))
    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(self, source: nn.Linear, bias: bool = True):
        super().__init__()
        _check_type(self, source, nn.Linear)
        _share_weight(self, source)
        _add_bias(self, source.in_features if bias else None)

    def forward(self, values: Tensor) -> Tensor:
        """Map (..., out_features) of the source layer to (..., in_features)."""
        return nn.functional.linear(values, self.weight.mT, self.bias)


class TransposedEmbedding(nn.Module):
    """The output head of a language model whose weight is its input embedding: logits = h Eᵀ + b.

    Row i of E is the vector of token i at the input; its product with the hidden state h is the
    token's score at the output (Press & Wolf, EACL 2017). A row at `padding_idx` gets no gradient
    from the embedding but does get one from the head.

    Args:
        source: the embedding whose weight is used.
        bias: add a learned bias for each token.

    Raises:
        TypeError: the source is not an `nn.Embedding`.
        ValueError: a hook computes the source's weight.

    >>> import torch
    >>> embedding = nn.Embedding(100, 8)
    >>> head = TransposedEmbedding(embedding)
    >>> head.weight is embedding.weight, head(embedding(torch.tensor([[3, 5]]))).shape
    (True, torch.Size([1, 2, 100]))
    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(self, source: nn.Embedding, bias: bool = False):
        super().__init__()
        _check_type(self, source, nn.Embedding)
        _share_weight(self, source)
        _add_bias(self, source.num_embeddings if bias else None)

    def forward(self, hidden: Float[Tensor, "... width"]) -> Float[Tensor, "... tokens"]:
        """Map (..., embedding_dim) of the source to (..., num_embeddings)."""
        return nn.functional.linear(hidden, self.weight, self.bias)


class TransposedConv1d(nn.Module):
    """A transposed convolution that uses the weight of a convolution, as in tied autoencoders.

    Stride, padding, dilation and groups are those of the source. With a stride s, s different input
    lengths have the same output length; without a given length the result has the shortest.

    Args:
        source: the convolution whose weight is used, with zero padding or none.
        bias: add a learned bias for each channel.

    Raises:
        TypeError: the source is not an `nn.Conv1d`.
        ValueError: the source does not pad with zeros, a hook computes its weight, or it has none
            yet (`nn.LazyConv1d`).

    >>> import torch
    >>> encoder = nn.Conv1d(3, 8, kernel_size=4, stride=4)
    >>> decoder = TransposedConv1d(encoder)
    >>> decoder.weight is encoder.weight, decoder(encoder(torch.ones(2, 3, 96))).shape
    (True, torch.Size([2, 3, 96]))
    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(self, source: nn.Conv1d, bias: bool = True):
        super().__init__()
        _check_type(self, source, nn.Conv1d)
        if source.padding_mode != "zeros":
            raise ValueError(
                f"TransposedConv1d inverts the direction of padding with zeros, but the source has "
                f"padding_mode {source.padding_mode!r}. Build it with padding_mode='zeros'."
            )
        self.stride, self.dilation = source.stride[0], source.dilation[0]
        self.groups = source.groups
        self._reach = self.dilation * (source.kernel_size[0] - 1)
        # "same" pads the surplus zero of an even kernel on the right.
        left = self._reach // 2 if source.padding == "same" else source.padding[0]
        self.padding = 0 if source.padding == "valid" else int(left)
        self._padding_sum = self._reach if source.padding == "same" else 2 * self.padding
        _share_weight(self, source)
        _add_bias(self, source.in_channels if bias else None)

    def forward(
        self, values: Float[Tensor, "*batch filters steps"], length: int | None = None
    ) -> Float[Tensor, "*batch channels length"]:
        """Map (batch, out_channels, steps) of the source to (batch, in_channels, length).

        Args:
            values: outputs of the source, or values of their shape.
            length: steps of the result, which the source maps to the steps of `values`.

        Raises:
            ValueError: the source maps that length to another number of steps.
        """
        shortest = (values.shape[-1] - 1) * self.stride + 1 + self._reach - self._padding_sum
        length = shortest if length is None else length
        longest = shortest + self.stride - 1
        if not shortest <= length <= longest:
            raise ValueError(
                f"the source maps {shortest} to {longest} steps to {values.shape[-1]}, but length "
                f"is {length}. Pass the number of steps that the source received."
            )
        result = nn.functional.conv_transpose1d(
            values,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            output_padding=length - shortest,
            groups=self.groups,
            dilation=self.dilation,
        )
        return result[..., :length]


def _check_type(layer: nn.Module, source: nn.Module, kind: type[nn.Module]) -> None:
    # The annotation says the same, but a caller without a type checker would get AttributeErrors.
    if not isinstance(source, kind):
        raise TypeError(
            f"{type(layer).__name__} needs an nn.{kind.__name__} but got {type(source).__name__}. "
            "TransposedLinear takes an nn.Linear, TransposedEmbedding an nn.Embedding and "
            "TransposedConv1d an nn.Conv1d."
        )


def _share_weight(layer: nn.Module, source: nn.Module) -> None:
    """Give a new layer the weight of its source.

    Raises:
        ValueError: the source's weight is neither a parameter nor parametrized.
    """
    weight = source.weight
    if parametrize.is_parametrized(source, "weight"):
        assert isinstance(weight, Tensor)
        layer.weight = nn.Parameter(weight.detach())  # gives the shape; replaced in the next line
        share_parametrization(source, "weight", layer, "weight")
    elif not isinstance(weight, nn.Parameter):
        raise ValueError(
            f"the weight of this {type(source).__name__} is computed by a hook, as the old "
            "torch.nn.utils.weight_norm, spectral_norm and prune do, so it is not a parameter that "
            "can be shared. Use torch.nn.utils.parametrizations.weight_norm or spectral_norm, or "
            "make a pruning permanent with torch.nn.utils.prune.remove."
        )
    elif is_lazy(weight):
        raise ValueError(
            f"{type(source).__name__} has no weight before its first call, so there is nothing to "
            "share. Call it once on an example, or build it with its sizes."
        )
    else:
        layer.weight = weight


def _add_bias(layer: nn.Module, size: int | None) -> None:
    weight = next(layer.parameters())
    zeros = None if size is None else weight.new_zeros(size)
    layer.register_parameter("bias", None if zeros is None else nn.Parameter(zeros))
