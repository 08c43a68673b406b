"""Choice of the way to compute moments and affine maps: in blocks or by the plain formula.

Blocks serve large batches on a CPU in eager mode. Plain tensor operations serve everything else:
small batches, other devices, compiled and exported programs, transforms.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from revin_forecast.normalizers.kernels.blocked import (
    AffineTerm,
    affine_gradients_in_blocks,
    affine_in_blocks,
    moments_in_blocks,
)
from revin_forecast.normalizers.statistics import observed_count

# torch has no public function for these questions.
_tracing_state = torch._C._get_tracing_state  # pyright: ignore
_is_transform_active = torch._C._are_functorch_transforms_active  # pyright: ignore
_count_dispatch_modes = torch._C._len_torch_dispatch_stack  # pyright: ignore

MAX_PLAIN_VALUES = 2**16
"""Up to this many values, a few plain operations are faster than the blocked kernels."""
MAX_LISTED_VALUES = 16
"""Up to this many values are compared faster in Python."""


def can_branch_on_data(tensor: Tensor) -> bool:
    """Return whether Python may look at values: those of a plain tensor in CPU memory, not traced.

    Compilers and transforms can't follow a branch that depends on data, and on a GPU it would wait
    for the device. The fast paths of this package need such a branch: it finds gaps.
    """
    # Subclasses, such as those of torch.func and of distributed tensors, have no plain memory.
    is_plain = type(tensor) is Tensor or type(tensor) is nn.Parameter
    return (
        is_plain
        and tensor.is_cpu
        and not torch.compiler.is_compiling()
        and _tracing_state() is None  # torch.jit  # pyright: ignore
        and not _is_transform_active()  # torch.func, such as vmap
        and _count_dispatch_modes() == 0  # such as those of fake tensors and make_fx
        and forward_ad._current_level < 0  # pyright: ignore
    )


def is_away_from_zero(weight: Tensor, bound: float) -> bool:
    """Return whether every value of (channels,) is at least `bound` away from zero."""
    if weight.ndim != 1 or weight.numel() > MAX_LISTED_VALUES:
        return weight.detach().abs().amin().item() >= bound
    values: list[float] = weight.tolist()  # pyright: ignore
    return min(map(abs, values)) >= bound


def anchored_moments(
    past: Tensor, observed: Tensor | None, anchor: Tensor
) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance of `past - anchor`, (batch, 1, channels) each.

    Args:
        past: (batch, time, channels).
        observed: True where a value counts; None means everywhere, and all are finite.
        anchor: (batch, 1, channels), a value of each window, which is exactly its mean if the
            window is constant.
    """
    if observed is None:
        # The blocks are not differentiable.
        if not (past.requires_grad and torch.is_grad_enabled()):
            return moments_in_blocks(past, anchor)
        centred = past - anchor
        mean = centred.mean(dim=1, keepdim=True)
        return mean, (centred - mean).square().mean(dim=1, keepdim=True)
    count = observed_count(past, observed)
    centred = torch.where(observed, past - anchor, 0)
    mean = centred.sum(dim=1, keepdim=True) / count
    squares = torch.where(observed, centred - mean, 0).square()
    return mean, squares.sum(dim=1, keepdim=True) / count


def apply_affine(
    values: Tensor,
    anchor: AffineTerm,
    factor: Tensor,
    small: AffineTerm,
    large: AffineTerm,
    dtype: torch.dtype,
) -> Tensor:
    """Return (values - anchor) * factor + small + large, added in that order.

    Args:
        values: (batch, steps, channels), plain tensors that `can_branch_on_data` accepts.
        anchor: (batch, 1, channels), like the following three.
        factor: its dtype is that of the computation.
        small: added first.
        large: added last, so that it costs the others no digits.
        dtype: dtype of the result.
    """
    # torch does not annotate `apply`.
    return cast(Tensor, _AffineMap.apply(values, anchor, factor, small, large, dtype))  # pyright: ignore[reportUnknownMemberType]


class _AffineMap(torch.autograd.Function):
    """`affine_in_blocks` and its gradients; the second derivative follows the plain formula."""

    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        anchor: AffineTerm,
        factor: Tensor,
        small: AffineTerm,
        large: AffineTerm,
        dtype: torch.dtype,
    ) -> Tensor:
        ctx.save_for_backward(values, anchor, factor)
        return affine_in_blocks(values, anchor, factor, small, large, dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, anchor, factor = ctx.saved_tensors
        for_values, for_anchor, for_factor, for_small, for_large, _ = ctx.needs_input_grad
        gradient = gradients[0].to(factor.dtype)
        values_gradient = factor_gradient = total = None
        # With gradients enabled this pass is differentiated again: plain operations record it.
        is_recorded = torch.is_grad_enabled()
        if for_factor and not is_recorded:
            values_gradient, factor_gradient, total = affine_gradients_in_blocks(
                gradient, values, anchor, factor, for_values
            )
        else:
            if for_values and is_recorded:
                values_gradient = gradient * factor
            elif for_values:
                values_gradient = affine_in_blocks(gradient, None, factor, None, None, values.dtype)
            if for_factor:
                centred = values if anchor is None else values - anchor
                factor_gradient = (gradient * centred).sum(dim=1, keepdim=True)
            if for_anchor or for_small or for_large:
                total = gradient.sum(dim=1, keepdim=True)
        return (
            values_gradient,
            -total * factor if for_anchor and total is not None else None,
            factor_gradient,
            total if for_small else None,
            total if for_large else None,
            None,
        )
