"""The block passes as operators that torch.compile calls and does not look into.

On a CPU its own loops over few channels are several times slower. Exported programs don't contain
them: they must run where this package is not installed.

Compiled programs are kept on disk under the operators' names, gradients included: when one of them
comes to do something else, it needs another name.
"""

import torch
from torch import Tensor

from revin_forecast.normalizers.kernels.blocked import (
    affine_in_blocks,
    all_finite_and_observed,
    all_true,
    moments_in_blocks,
    sum_products_in_blocks,
)
from revin_forecast.normalizers.statistics import last_observed_values


def is_compiling_for_cpu(past: Tensor) -> bool:
    """Return whether torch.compile, not an export, is following, for a CPU."""
    compiling = torch.compiler.is_compiling() and not torch.compiler.is_exporting()
    return compiling and past.device.type == "cpu"


@torch.library.custom_op("revin_forecast::find_observed", mutates_args=())
def find_observed_op(past: Tensor, observed: Tensor | None) -> Tensor:
    """Return where `past` is both declared observed and finite; quick where all of it is."""
    if all_finite_and_observed(past, observed):
        return torch.ones(past.shape, dtype=torch.bool)
    return past.isfinite() if observed is None else past.isfinite() & observed


@torch.library.custom_op("revin_forecast::anchored_moments", mutates_args=())
def anchored_moments_op(past: Tensor, observed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the last observed value, and mean and variance of the distance from it."""
    if all_true(observed):
        anchor = past[:, -1:].clone()
        return anchor, *moments_in_blocks(past, anchor)
    anchor = last_observed_values(past, observed)
    count = observed.sum(dim=1, keepdim=True).clamp(min=1)
    centred = torch.where(observed, past - anchor, 0)
    mean = centred.sum(dim=1, keepdim=True) / count
    squares = torch.where(observed, centred - mean, 0).square_()
    return anchor, mean, squares.sum(dim=1, keepdim=True) / count


@torch.library.custom_op("revin_forecast::normalize", mutates_args=())
def normalize_op(
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
        return affine_in_blocks(values, anchor, factor, shift, None, factor.dtype)
    centred = torch.where(observed, values - anchor - residual, 0)
    return torch.addcmul(offset, centred, factor)


@torch.library.custom_op("revin_forecast::denormalize", mutates_args=())
def denormalize_op(values: Tensor, factor: Tensor, small: Tensor, large: Tensor) -> Tensor:
    """Return values * factor + small + large."""
    return affine_in_blocks(values, None, factor, small, large, factor.dtype)


@torch.library.custom_op("revin_forecast::scale_gradient", mutates_args=())
def scale_gradient_op(gradient: Tensor, factor: Tensor, observed: Tensor | None) -> Tensor:
    """Return gradient * factor, 0 where unobserved."""
    if observed is None or all_true(observed):
        return affine_in_blocks(gradient, None, factor, None, None, factor.dtype)
    return torch.where(observed, gradient, 0) * factor


@torch.library.custom_op("revin_forecast::sum_gradient", mutates_args=())
def sum_gradient_op(
    gradient: Tensor, values: Tensor, anchor: Tensor | None, observed: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return sums over steps: all of the gradient, where observed, and times `values - minus`."""
    total = gradient.sum(dim=1, keepdim=True)
    if observed is None or all_true(observed):
        return (
            total,
            total.clone(),
            sum_products_in_blocks(gradient, values, anchor, gradient.dtype),
        )
    seen = torch.where(observed, gradient, 0)
    finite = torch.where(observed, values, 0)
    product = sum_products_in_blocks(seen, finite, anchor, gradient.dtype)
    return total, seen.sum(dim=1, keepdim=True), product


@find_observed_op.register_fake
def _(past, observed):
    return past.new_empty(past.shape, dtype=torch.bool)


@anchored_moments_op.register_fake
def _(past, observed):
    return tuple(torch.empty_like(past[:, :1]) for _ in range(3))


@normalize_op.register_fake
def _(values, anchor, residual, factor, offset, observed):
    return values.new_empty(values.shape, dtype=factor.dtype)


@denormalize_op.register_fake
def _(values, factor, small, large):
    return values.new_empty(values.shape, dtype=factor.dtype)


@scale_gradient_op.register_fake
def _(gradient, factor, observed):
    return gradient.new_empty(gradient.shape)


@sum_gradient_op.register_fake
def _(gradient, values, minus, observed):
    return tuple(gradient.new_empty(gradient[:, :1].shape) for _ in range(3))


def _setup_normalize_context(ctx, inputs, output):
    ctx.save_for_backward(*inputs[:4], inputs[5])


def _normalize_backward(ctx, gradient):
    values, anchor, residual, factor, observed = ctx.saved_tensors
    wants = ctx.needs_input_grad
    into = scale_gradient_op(gradient, factor, observed) if wants[0] else None
    total, seen, product = sum_gradient_op(gradient, values, anchor, observed)
    level = -seen * factor
    return into, level, level, product - seen * residual, total, None


def _setup_denormalize_context(ctx, inputs, output):
    ctx.save_for_backward(*inputs[:2])


def _denormalize_backward(ctx, gradient):
    values, factor = ctx.saved_tensors
    into = scale_gradient_op(gradient, factor, None) if ctx.needs_input_grad[0] else None
    total, _, product = sum_gradient_op(gradient, values, None, None)
    return into, product, total, total


normalize_op.register_autograd(_normalize_backward, setup_context=_setup_normalize_context)
denormalize_op.register_autograd(_denormalize_backward, setup_context=_setup_denormalize_context)
