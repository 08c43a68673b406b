"""The layer's two passes over a window, in blocks that stay in the processor's cache.

Written plainly, each of these formulas is five to ten passes over memory. Block by block it is one
read and one write, in place, with a temporary of a block's size.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

BLOCK_BYTES = 2**20
"""Of a block; two of them fit the second-level cache of common processors."""


def runs_eagerly(*tensors: Tensor) -> bool:
    """Return whether blocks may be used: plain tensors in CPU memory, nothing traces or batches.

    Compilers fuse the plain formula themselves, and can't follow a decision that depends on data.
    """
    if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
        return False
    if torch._C._are_functorch_transforms_active():
        return False
    return all(
        type(part) in (Tensor, nn.Parameter) and part.device.type == "cpu" for part in tensors
    )


def is_complete(past: Tensor, observed: Tensor | None) -> bool:
    """Return whether every value is finite and observed, at the price of one quick read.

    A gap makes the sum infinite or NaN. So does an overflow: then the answer is no, and the
    path for gaps gives the right result, only later.
    """
    if observed is not None and not bool(observed.all()):
        return False
    return bool(past.sum(dtype=torch.promote_types(past.dtype, torch.float32)).isfinite())


@torch.no_grad()
def moments(past: Tensor, anchor: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance of `past - anchor`, (batch, 1, channels) each.

    Two passes: the variance is the mean square about the mean, never a difference of squares.
    """
    steps = past.shape[1]
    mean, variance = torch.empty_like(anchor), torch.empty_like(anchor)
    for at, buffer in _blocks(past, anchor.dtype):
        torch.sub(past[at], anchor[at], out=buffer)
        block_mean = torch.sum(buffer, dim=1, keepdim=True, out=mean[at]).div_(steps)
        buffer.sub_(block_mean)
        torch.sum(buffer.square_(), dim=1, keepdim=True, out=variance[at]).div_(steps)
    return mean, variance


Parts = tuple[Tensor | None, Tensor | None]
"""Two parts of a location, (batch, 1, channels) each, added one after the other; None: 0."""


def affine_map(
    values: Tensor, minus: Parts, factor: Tensor, plus: Parts, dtype: torch.dtype
) -> Tensor:
    """Return (values - minus[0] - minus[1]) * factor + plus[0] + plus[1], in that order.

    Args:
        values: (batch, steps, channels).
        minus: what is taken away first.
        factor: (batch, 1, channels).
        plus: what is added at the end.
        dtype: of the result.
    """
    return _AffineMap.apply(values, *minus, factor, *plus, dtype)


class _AffineMap(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values, first, second, factor, third, fourth, dtype):
        ctx.save_for_backward(values, first, second, factor)
        result = values.new_empty(values.shape, dtype=dtype)
        for at, scratch in _blocks(values, factor.dtype):
            block = result[at] if dtype == factor.dtype else scratch
            source = _less(values, first, second, at, block)
            if third is None:
                torch.mul(source, factor[at], out=block)
            else:
                torch.addcmul(third[at], source, factor[at], out=block)
            if fourth is not None:
                block.add_(fourth[at])
            if dtype != factor.dtype:
                result[at].copy_(block)
        return result

    @staticmethod
    def backward(ctx, *gradients):
        values, first, second, factor = ctx.saved_tensors
        wants = ctx.needs_input_grad
        gradient = gradients[0].to(factor.dtype)
        # Where a second derivative is wanted: the plain formula, which autograd can follow.
        sums = _plain_sums if torch.is_grad_enabled() else _block_sums
        into, product = sums(gradient, values, first, second, factor, wants[0], wants[3])
        levels = [None] * 4
        if any(wants[1:3]) or any(wants[4:6]):
            total = gradient.sum(dim=1, keepdim=True)
            levels = [-total * factor, -total * factor, total, total]
        kept = [
            part if wanted else None for part, wanted in zip(levels, _levels(wants), strict=True)
        ]
        into = None if into is None else into.to(values.dtype)
        return into, kept[0], kept[1], product, kept[2], kept[3], None


def _levels(wants: tuple[bool, ...]) -> list[bool]:
    return [wants[1], wants[2], wants[4], wants[5]]


def _less(values, first, second, at, buffer):
    """Return a block of `values - first - second`, in the buffer unless both are None."""
    source = values[at]
    for part in (first, second):
        if part is not None:
            source = torch.sub(source, part[at], out=buffer)
    return source


def _plain_sums(gradient, values, first, second, factor, wants_values, wants_factor):
    for part in (first, second):
        values = values if part is None else values - part
    product = (gradient * values).sum(dim=1, keepdim=True) if wants_factor else None
    return (gradient * factor if wants_values else None), product


def _block_sums(gradient, values, first, second, factor, wants_values, wants_factor):
    into = torch.empty_like(gradient) if wants_values else None
    product = torch.empty_like(factor) if wants_factor else None
    for at, buffer in _blocks(gradient, factor.dtype):
        if into is not None:
            torch.mul(gradient[at], factor[at], out=into[at])
        if product is not None:
            source = _less(values, first, second, at, buffer)
            torch.mul(source, gradient[at], out=buffer)
            torch.sum(buffer, dim=1, keepdim=True, out=product[at])
    return into, product


def _blocks(values: Tensor, dtype: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
    """Yield slices of whole windows, each with a buffer of the slice's shape."""
    size = values.shape[1] * values.shape[2] * dtype.itemsize
    windows = max(1, BLOCK_BYTES // max(1, size))
    buffer = values.new_empty((min(windows, len(values)), *values.shape[1:]), dtype=dtype)
    for start in range(0, len(values), windows):
        at = slice(start, min(start + windows, len(values)))
        yield at, buffer[: at.stop - start]
