"""The block passes as operators that torch.compile calls and does not look into.

On a CPU its own loops over few channels are several times slower. Exported programs don't contain
them: they must run where this package is not installed.
"""

import torch
from torch import Tensor

from revin_forecast.normalizers.blocks import (
    all_true,
    is_complete,
    map_in_blocks,
    moments_in_blocks,
    sum_of_products,
)
from revin_forecast.normalizers.location_scale import last_observed


def compiles_for_cpu(past: Tensor) -> bool:
    """Return whether torch.compile, not an export, is following, for a CPU."""
    compiling = torch.compiler.is_compiling() and not torch.compiler.is_exporting()
    return compiling and past.device.type == "cpu"


@torch.library.custom_op("revin_forecast::observed_mask", mutates_args=())
def observed_mask(past: Tensor, observed: Tensor | None) -> Tensor:
    """Return where `past` is both declared observed and finite; quick where all of it is."""
    if is_complete(past, observed):
        return torch.ones(past.shape, dtype=torch.bool)
    return past.isfinite() if observed is None else past.isfinite() & observed


@torch.library.custom_op("revin_forecast::window_moments", mutates_args=())
def window_moments(past: Tensor, observed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the last observed value, and mean and variance of the distance from it."""
    if all_true(observed):
        anchor = past[:, -1:].clone()
        return anchor, *moments_in_blocks(past, anchor)
    anchor = last_observed(past, observed)
    count = observed.sum(dim=1, keepdim=True).clamp(min=1)
    centred = torch.where(observed, past - anchor, 0)
    mean = centred.sum(dim=1, keepdim=True) / count
    squares = torch.where(observed, centred - mean, 0).square_()
    return anchor, mean, squares.sum(dim=1, keepdim=True) / count


@torch.library.custom_op("revin_forecast::standardize", mutates_args=())
def standardize(
    values: Tensor,
    anchor: Tensor,
    residual: Tensor,
    factor: Tensor,
    offset: Tensor,
    observed: Tensor,
) -> Tensor:
    """Return (values - anchor - residual) * factor + offset, the product 0 where unobserved."""
    if all_true(observed):
        shift = offset - residual * factor
        return map_in_blocks(values, anchor, factor, shift, None, factor.dtype)
    centred = torch.where(observed, values - anchor - residual, 0)
    return torch.addcmul(offset, centred, factor)


@torch.library.custom_op("revin_forecast::restore", mutates_args=())
def restore(
    values: Tensor, minus: Tensor | None, factor: Tensor, small: Tensor, large: Tensor
) -> Tensor:
    """Return (values - minus) * factor + small + large."""
    return map_in_blocks(values, minus, factor, small, large, factor.dtype)


@torch.library.custom_op("revin_forecast::sum_centred", mutates_args=())
def sum_centred(gradient: Tensor, values: Tensor, minus: Tensor | None, factor: Tensor) -> Tensor:
    """Return the sum over steps of gradient * (values - minus)."""
    return sum_of_products(gradient, values, minus, factor.dtype)


@observed_mask.register_fake
def _(past, observed):
    return past.new_empty(past.shape, dtype=torch.bool)


@window_moments.register_fake
def _(past, observed):
    return tuple(torch.empty_like(past[:, :1]) for _ in range(3))


@standardize.register_fake
def _(values, anchor, residual, factor, offset, observed):
    return values.new_empty(values.shape, dtype=factor.dtype)


@restore.register_fake
def _(values, minus, factor, small, large):
    return values.new_empty(values.shape, dtype=factor.dtype)


@sum_centred.register_fake
def _(gradient, values, minus, factor):
    return torch.empty_like(factor)


def _keep_standardize(ctx, inputs, output):
    ctx.save_for_backward(*inputs[:4], inputs[5])


def _standardize_backward(ctx, gradient):
    values, anchor, residual, factor, observed = ctx.saved_tensors
    wants = ctx.needs_input_grad
    seen = torch.where(observed, gradient, 0)
    into = seen * factor if wants[0] else None
    total = seen.sum(dim=1, keepdim=True) if wants[1] or wants[2] or wants[3] else None
    level = None if total is None else -total * factor
    product = None
    if wants[3] and total is not None:
        finite = torch.where(observed, values, 0)
        product = sum_centred(seen, finite, anchor, factor) - total * residual
    offset = gradient.sum(dim=1, keepdim=True) if wants[4] else None
    return into, level if wants[1] else None, level if wants[2] else None, product, offset, None


def _keep_restore(ctx, inputs, output):
    ctx.save_for_backward(*inputs[:3])


def _restore_backward(ctx, gradient):
    values, minus, factor = ctx.saved_tensors
    wants = ctx.needs_input_grad
    into = (gradient * factor).to(values.dtype) if wants[0] else None
    product = sum_centred(gradient, values, minus, factor) if wants[2] else None
    total = gradient.sum(dim=1, keepdim=True)
    return into, -total * factor if wants[1] else None, product, total, total


standardize.register_autograd(_standardize_backward, setup_context=_keep_standardize)
restore.register_autograd(_restore_backward, setup_context=_keep_restore)
