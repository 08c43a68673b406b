"""The block passes as operators that torch.compile calls and does not look into.

On a CPU its own loops over few channels are several times slower. Exported programs don't contain
them: they must run where this package is not installed.

Compiled programs are kept on disk under the operators' names, gradients included: when one of them
comes to do something else, it needs another name.
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


@torch.library.custom_op("revin_forecast::to_common_scale", mutates_args=())
def to_common_scale(
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


@torch.library.custom_op("revin_forecast::to_data_scale", mutates_args=())
def to_data_scale(values: Tensor, factor: Tensor, small: Tensor, large: Tensor) -> Tensor:
    """Return values * factor + small + large."""
    return map_in_blocks(values, None, factor, small, large, factor.dtype)


@torch.library.custom_op("revin_forecast::scaled", mutates_args=())
def scaled(gradient: Tensor, factor: Tensor, observed: Tensor | None) -> Tensor:
    """Return gradient * factor, 0 where unobserved."""
    if observed is None or all_true(observed):
        return map_in_blocks(gradient, None, factor, None, None, factor.dtype)
    return torch.where(observed, gradient, 0) * factor


@torch.library.custom_op("revin_forecast::sums", mutates_args=())
def sums(
    gradient: Tensor, values: Tensor, minus: Tensor | None, observed: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return sums over steps: all of the gradient, where observed, and times `values - minus`."""
    total = gradient.sum(dim=1, keepdim=True)
    if observed is None or all_true(observed):
        return total, total.clone(), sum_of_products(gradient, values, minus, gradient.dtype)
    seen = torch.where(observed, gradient, 0)
    finite = torch.where(observed, values, 0)
    product = sum_of_products(seen, finite, minus, gradient.dtype)
    return total, seen.sum(dim=1, keepdim=True), product


@observed_mask.register_fake
def _(past, observed):
    return past.new_empty(past.shape, dtype=torch.bool)


@window_moments.register_fake
def _(past, observed):
    return tuple(torch.empty_like(past[:, :1]) for _ in range(3))


@to_common_scale.register_fake
def _(values, anchor, residual, factor, offset, observed):
    return values.new_empty(values.shape, dtype=factor.dtype)


@to_data_scale.register_fake
def _(values, factor, small, large):
    return values.new_empty(values.shape, dtype=factor.dtype)


@scaled.register_fake
def _(gradient, factor, observed):
    return gradient.new_empty(gradient.shape)


@sums.register_fake
def _(gradient, values, minus, observed):
    return tuple(gradient.new_empty(gradient[:, :1].shape) for _ in range(3))


def _keep_common(ctx, inputs, output):
    ctx.save_for_backward(*inputs[:4], inputs[5])


def _common_backward(ctx, gradient):
    values, anchor, residual, factor, observed = ctx.saved_tensors
    wants = ctx.needs_input_grad
    into = scaled(gradient, factor, observed) if wants[0] else None
    total, seen, product = sums(gradient, values, anchor, observed)
    level = -seen * factor
    return into, level, level, product - seen * residual, total, None


def _keep_data(ctx, inputs, output):
    ctx.save_for_backward(*inputs[:2])


def _data_backward(ctx, gradient):
    values, factor = ctx.saved_tensors
    into = scaled(gradient, factor, None) if ctx.needs_input_grad[0] else None
    total, _, product = sums(gradient, values, None, None)
    return into, product, total, total


to_common_scale.register_autograd(_common_backward, setup_context=_keep_common)
to_data_scale.register_autograd(_data_backward, setup_context=_keep_data)
