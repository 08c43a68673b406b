"""Passes over windows in blocks that stay in the processor's cache, in place.

Written plainly, the layer's formulas are a dozen passes over memory. Block by block they are one
read and one write, with a buffer of a block's size. Where there are few channels, several steps are
folded into one row, so that the processor's wide registers fill. Nothing here is differentiable.
"""

import math
import threading
from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK_BYTES = 2**21
"""For each thread: what its own cache holds."""
SCRATCH_BYTES = 2**23
"""A larger buffer is given back after the call."""
ROW_VALUES = 64
"""Values in a row that suffice to fill the registers; folding goes up to twice as many."""

AffineTerm = Tensor | None
"""(batch, 1, channels); None where there is nothing to add or take away."""

_thread_scratch = threading.local()


def all_finite_and_observed(past: Tensor, observed: Tensor | None) -> bool:
    """Return whether every value is finite and observed, at the price of one quick read.

    A gap makes the sum infinite or NaN. So does an overflow: then the answer is no, and the
    path for gaps gives the right result, only later.
    """
    if observed is not None and not all_true(observed):
        return False
    return bool(past.sum(dtype=torch.promote_types(past.dtype, torch.float32)).isfinite())


def all_true(mask: Tensor) -> bool:
    """Return whether every value is True; as the least byte, which is found 20 times as fast."""
    return mask.numel() == 0 or bool(mask.view(torch.uint8).amin())


def moments_in_blocks(past: Tensor, anchor: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance of `past - anchor`, (batch, 1, channels) each.

    Two passes: the variance is the mean square about the mean, never a difference of squares.
    """
    fold, steps = _steps_per_row(past), past.shape[1]
    rows, start = _group_steps(past, fold), _tile_channels(anchor, fold)
    mean, variance = torch.empty_like(anchor), torch.empty_like(anchor)
    for at, buffer in _iter_blocks(rows, anchor.dtype):
        torch.sub(rows[at], start[at], out=buffer)
        _sum_steps(buffer, fold, mean[at])
        mean[at].div_(steps)
        buffer.sub_(_tile_channels(mean[at], fold)).square_()
        _sum_steps(buffer, fold, variance[at])
    return mean, variance.div_(steps)


def affine_in_blocks(
    values: Tensor,
    anchor: AffineTerm,
    factor: Tensor,
    small: AffineTerm,
    large: AffineTerm,
    dtype: torch.dtype,
) -> Tensor:
    """Return (values - minus) * factor + small + large, added in that order."""
    fold = _steps_per_row(values)
    rows = _group_steps(values, fold)
    slope = _tile_channels(factor, fold)
    first, second, third = (_tile_optional(part, fold) for part in (anchor, small, large))
    result = values.new_empty(values.shape, dtype=dtype)
    target = _group_steps(result, fold)
    for at, scratch in _iter_blocks(rows, factor.dtype):
        block = target[at] if dtype == factor.dtype else scratch
        source = rows[at] if first is None else torch.sub(rows[at], first[at], out=block)
        if second is None:
            torch.mul(source, slope[at], out=block)
        else:
            torch.addcmul(second[at], source, slope[at], out=block)
        if third is not None:
            block.add_(third[at])
        if dtype != factor.dtype:
            target[at].copy_(block)
    return result


def sum_products_in_blocks(
    gradient: Tensor, values: Tensor, anchor: AffineTerm, dtype: torch.dtype
) -> Tensor:
    """Return the sum over steps of gradient * (values - minus), (batch, 1, channels)."""
    fold = min(_steps_per_row(gradient), _steps_per_row(values))
    slopes, rows, first = (
        _group_steps(gradient, fold),
        _group_steps(values, fold),
        _tile_optional(anchor, fold),
    )
    result = values.new_empty((values.shape[0], 1, values.shape[2]), dtype=dtype)
    for at, buffer in _iter_blocks(rows, dtype):
        source = rows[at] if first is None else torch.sub(rows[at], first[at], out=buffer)
        torch.mul(source, slopes[at], out=buffer)
        _sum_steps(buffer, fold, result[at])
    return result


def _steps_per_row(values: Tensor) -> int:
    """Return how many steps make a row of `ROW` to 2 `ROW` values; 1 where memory forbids it."""
    steps, channels = values.shape[1:]
    if channels >= ROW_VALUES or values.stride()[1:] != (channels, 1):
        return 1
    return max(size for size in range(1, 2 * ROW_VALUES // channels + 1) if steps % size == 0)


def _group_steps(values: Tensor, fold: int) -> Tensor:
    steps, channels = values.shape[1:]
    return values if fold == 1 else values.view(-1, steps // fold, fold * channels)


def _tile_channels(part: Tensor, fold: int) -> Tensor:
    return part if fold == 1 else torch.cat([part] * fold, dim=2)


def _tile_optional(part: AffineTerm, fold: int) -> AffineTerm:
    return None if part is None else _tile_channels(part, fold)


def _sum_steps(rows: Tensor, fold: int, out: Tensor) -> None:
    """Sum folded rows over steps into (batch, 1, channels)."""
    if fold == 1:
        torch.sum(rows, dim=1, keepdim=True, out=out)
    else:
        folds = rows.sum(dim=1).view(len(rows), fold, -1)
        torch.sum(folds, dim=1, keepdim=True, out=out)


def _iter_blocks(rows: Tensor, dtype: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
    """Yield slices of whole windows, each with a buffer of the slice's shape."""
    size = rows.shape[1] * rows.shape[2] * dtype.itemsize
    windows = max(1, BLOCK_BYTES * torch.get_num_threads() // max(1, size))
    shape = min(windows, len(rows)), *rows.shape[1:]
    buffer = _get_scratch_buffer(shape, dtype)
    for start in range(0, len(rows), windows):
        at = slice(start, min(start + windows, len(rows)))
        yield at, buffer[: at.stop - start]


def _get_scratch_buffer(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return memory to write into: new pages cost as much as a pass, so a thread keeps its own."""
    size = math.prod(shape) * dtype.itemsize
    if size > SCRATCH_BYTES:
        return torch.empty(shape, dtype=dtype)
    if not hasattr(_thread_scratch, "buffer"):
        _thread_scratch.buffer = torch.empty(SCRATCH_BYTES, dtype=torch.uint8)
    return _thread_scratch.buffer[:size].view(dtype).view(shape)
