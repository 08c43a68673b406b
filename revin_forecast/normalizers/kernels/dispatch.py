"""The layer's two formulas, each with one call: by blocks on a CPU, else as compilers like them."""

import torch
from torch import Tensor, nn

from revin_forecast.normalizers.kernels.blocked import (
    AffineTerm,
    affine_in_blocks,
    moments_in_blocks,
    sum_products_in_blocks,
)
from revin_forecast.normalizers.kernels.torch_ops import anchored_moments_op, is_compiling_for_cpu
from revin_forecast.normalizers.statistics import last_observed_values


def can_use_blocked_kernels(*tensors: Tensor) -> bool:
    """Return whether blocks may be used: plain tensors in CPU memory, nothing traces or batches.

    Compilers fuse the plain formula themselves, and can't follow a decision that depends on data.
    """
    if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
        return False
    if torch._C._are_functorch_transforms_active():
        return False
    plain = (Tensor, nn.Parameter)
    return all(type(part) in plain and part.device.type == "cpu" for part in tensors)


def anchored_moments(past: Tensor, observed: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return each window's last observed value, and mean and variance of the distance from it.

    Args:
        past: (batch, time, channels).
        observed: where a value counts; None: everywhere, and all are finite.
    """
    constant = not (past.requires_grad and torch.is_grad_enabled())
    if observed is not None and constant and is_compiling_for_cpu(past):
        return anchored_moments_op(past, observed)
    anchor = last_observed_values(past, observed)
    if observed is None and constant:
        return anchor, *moments_in_blocks(past, anchor)
    centred = past - anchor if observed is None else torch.where(observed, past - anchor, 0)
    count = past.shape[1] if observed is None else observed.sum(dim=1, keepdim=True).clamp(min=1)
    mean = centred.sum(dim=1, keepdim=True) / count
    squares = (centred - mean).square()
    squares = squares if observed is None else torch.where(observed, squares, 0)
    return anchor, mean, squares.sum(dim=1, keepdim=True) / count


def apply_affine(
    values: Tensor,
    anchor: AffineTerm,
    factor: Tensor,
    small: AffineTerm,
    large: AffineTerm,
    dtype: torch.dtype,
) -> Tensor:
    """Return (values - minus) * factor + small + large, added in that order.

    Args:
        values: (batch, steps, channels), plain tensors that `runs_eagerly` lets through.
        anchor: (batch, 1, channels), as the others.
        factor: in the dtype of the computation.
        small: added first.
        large: added last.
        dtype: of the result.
    """
    return _AffineMap.apply(values, anchor, factor, small, large, dtype)


class _AffineMap(torch.autograd.Function):
    """`map_in_blocks` and its gradients; the second derivative follows the plain formula."""

    @staticmethod
    def forward(ctx, values, minus, factor, small, large, dtype):
        ctx.save_for_backward(values, minus, factor)
        return affine_in_blocks(values, minus, factor, small, large, dtype)

    @staticmethod
    def backward(ctx, *gradients):
        values, minus, factor = ctx.saved_tensors
        for_values, for_minus, for_factor, for_small, for_large, _ = ctx.needs_input_grad
        gradient = gradients[0].to(factor.dtype)
        into = product = total = None
        if for_values:
            if torch.is_grad_enabled():
                into = (gradient * factor).to(values.dtype)
            else:
                into = affine_in_blocks(gradient, None, factor, None, None, values.dtype)
        if for_factor and torch.is_grad_enabled():
            centred = values if minus is None else values - minus
            product = (gradient * centred).sum(dim=1, keepdim=True)
        elif for_factor:
            product = sum_products_in_blocks(gradient, values, minus, factor.dtype)
        if for_minus or for_small or for_large:
            total = gradient.sum(dim=1, keepdim=True)
        return (
            into,
            -total * factor if for_minus and total is not None else None,
            product,
            total if for_small else None,
            total if for_large else None,
            None,
        )
