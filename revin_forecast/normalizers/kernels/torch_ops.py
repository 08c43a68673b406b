"""The blocked passes as custom operators, which torch.compile calls without tracing them.

On a CPU with few channels, the loops that torch.compile generates are several times slower than
these passes. Exported programs don't contain the operators: they must run where this package is not
installed.

torch caches compiled programs on disk under the names of their operators, gradients included. An
operator whose behaviour changes therefore needs a new name.
"""

# torch does not annotate the methods of its custom operators.
# pyright: reportUnknownMemberType=false

from typing import Any

import torch
from torch import Tensor

from revin_forecast.normalizers.kernels.blocked import (
    affine_in_blocks,
    all_finite_and_observed,
    all_true,
    moments_in_blocks,
    sum_products_in_blocks,
)
from revin_forecast.normalizers.statistics import last_observed_values, observed_count


def is_compiling_for_cpu(past: Tensor) -> bool:
    """Return whether torch.compile, rather than an export, is tracing for a CPU."""
    compiling = torch.compiler.is_compiling() and not torch.compiler.is_exporting()
    return compiling and past.device.type == "cpu"


@torch.library.custom_op("revin_forecast::find_observed", mutates_args=())
def find_observed_op(past: Tensor, observed: Tensor | None) -> Tensor:
    """Return where `past` is both declared observed and finite; fast if all of it is."""
    if all_finite_and_observed(past, observed):
        return torch.ones(past.shape, dtype=torch.bool)
    return past.isfinite() if observed is None else past.isfinite() & observed


@torch.library.custom_op("revin_forecast::anchored_moments", mutates_args=())
def anchored_moments_op(past: Tensor, observed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return each window's anchor, and mean and variance of `past - anchor`."""
    if all_true(observed):
        anchor = past[:, -1:].clone()  # the result of an operator must not be a view of its input
        return anchor, *moments_in_blocks(past, anchor)
    anchor = last_observed_values(past, observed)
    count = observed_count(past, observed)
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
    """Return three sums over steps, (batch, 1, channels) each.

    Those of the gradient, of the gradient where observed, and of the latter times
    `values - anchor`.
    """
    total = gradient.sum(dim=1, keepdim=True)
    if observed is None or all_true(observed):
        product = sum_products_in_blocks(gradient, values, anchor, gradient.dtype)
        return total, total.clone(), product  # an operator must not return one tensor twice
    observed_gradient = torch.where(observed, gradient, 0)
    finite = torch.where(observed, values, 0)
    product = sum_products_in_blocks(observed_gradient, finite, anchor, gradient.dtype)
    return total, observed_gradient.sum(dim=1, keepdim=True), product


# Tracing needs the shape and dtype of each operator's result without computing it.


@find_observed_op.register_fake
def _(past: Tensor, observed: Tensor | None) -> Tensor:
    return past.new_empty(past.shape, dtype=torch.bool)


@anchored_moments_op.register_fake
def _(past: Tensor, observed: Tensor) -> tuple[Tensor, ...]:
    return tuple(torch.empty_like(past[:, :1]) for _ in range(3))


@normalize_op.register_fake
def _(
    values: Tensor,
    anchor: Tensor,
    residual: Tensor,
    factor: Tensor,
    offset: Tensor,
    observed: Tensor,
) -> Tensor:
    return values.new_empty(values.shape, dtype=factor.dtype)


@denormalize_op.register_fake
def _(values: Tensor, factor: Tensor, small: Tensor, large: Tensor) -> Tensor:
    return values.new_empty(values.shape, dtype=factor.dtype)


@scale_gradient_op.register_fake
def _(gradient: Tensor, factor: Tensor, observed: Tensor | None) -> Tensor:
    return gradient.new_empty(gradient.shape)


@sum_gradient_op.register_fake
def _(
    gradient: Tensor, values: Tensor, anchor: Tensor | None, observed: Tensor | None
) -> tuple[Tensor, ...]:
    return tuple(gradient.new_empty(gradient[:, :1].shape) for _ in range(3))


# Gradients of the two operators that training differentiates.


def _setup_normalize_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:4], inputs[5])


def _normalize_backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    values, anchor, residual, factor, observed = ctx.saved_tensors
    values_gradient = None
    if ctx.needs_input_grad[0]:
        values_gradient = scale_gradient_op(gradient, factor, observed)
    total, observed_total, product = sum_gradient_op(gradient, values, anchor, observed)
    location_gradient = -observed_total * factor
    factor_gradient = product - observed_total * residual
    return values_gradient, location_gradient, location_gradient, factor_gradient, total, None


def _setup_denormalize_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:2])


def _denormalize_backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    values, factor = ctx.saved_tensors
    values_gradient = None
    if ctx.needs_input_grad[0]:
        values_gradient = scale_gradient_op(gradient, factor, None)
    total, _, factor_gradient = sum_gradient_op(gradient, values, None, None)
    return values_gradient, factor_gradient, total, total


normalize_op.register_autograd(_normalize_backward, setup_context=_setup_normalize_context)
denormalize_op.register_autograd(_denormalize_backward, setup_context=_setup_denormalize_context)
