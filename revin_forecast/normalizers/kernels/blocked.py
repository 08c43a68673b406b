"""In-place passes over windows, in blocks that fit the processor's cache.

Written as plain tensor operations, the formulas of a normalizer are a dozen passes over memory.
Block by block they are one read and one write, with a buffer of a block's size. A block holds whole
windows. With few channels, several steps are grouped into one row, so that the processor's vector
registers are full. Nothing here is differentiable.
"""

import math
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

BLOCK_BYTES = 2**21
"""Size of a block for each thread, which fits the cache of one core."""
SCRATCH_BYTES = 2**23
"""Size of the buffer that a thread keeps between calls; a larger one is freed after the call."""
ROW_VALUES = 64
"""Number of values per row that fills the registers; grouped rows have up to twice as many."""
MAX_FUSED_MOMENTS = 1024
"""Up to this many values torch's variance, a single call, is faster than several fast ones."""

AffineTerm = Tensor | None
"""(batch, 1, channels); None where there is nothing to add or subtract."""

_thread_scratch = threading.local()


def all_finite_and_observed(past: Tensor, observed: Tensor | None) -> bool:
    """Return whether every value is finite and observed, at the cost of one fast read.

    A gap makes the sum infinite or NaN. So does an overflow: the result is then False, and the
    slower path for gaps still gives the right statistics.
    """
    if observed is not None and not all_true(observed):
        return False
    return math.isfinite(past.sum(dtype=torch.promote_types(past.dtype, torch.float32)).item())


def all_true(flags: Tensor) -> bool:
    """Return whether every value is True."""
    # The minimum of the bytes is 20 times as fast as `Tensor.all`.
    return flags.numel() == 0 or bool(flags.view(torch.uint8).amin())


def moments_in_blocks(past: Tensor, anchor: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance of `past - anchor`, (batch, 1, channels) each.

    Two passes: the variance is the mean square about the mean, never a difference of squares, which
    would cancel at a large level.
    """
    if 0 < past.numel() <= MAX_FUSED_MOMENTS:
        variance, mean = torch.var_mean(past - anchor, dim=1, correction=0, keepdim=True)
        return mean, variance
    group, steps = _steps_per_row(past), past.shape[1]
    rows, row_anchor = _group_steps(past, group), _tile_channels(anchor, group)
    mean, variance = torch.empty_like(anchor), torch.empty_like(anchor)
    for buffer, values, start, sums, squares in _iter_blocks(
        anchor.dtype, rows, row_anchor, mean, variance
    ):
        torch.sub(values, start, out=buffer)
        _sum_steps(buffer, group, sums)
        buffer.sub_(_tile_channels(sums.div_(steps), group)).square_()
        _sum_steps(buffer, group, squares)
    return mean, variance.div_(steps)


def affine_in_blocks(
    values: Tensor,
    anchor: AffineTerm,
    factor: Tensor,
    small: AffineTerm,
    large: AffineTerm,
    dtype: torch.dtype,
) -> Tensor:
    """Return (values - anchor) * factor + small + large; see `dispatch.apply_affine`."""
    group = _steps_per_row(values)
    result = values.new_empty(values.shape, dtype=dtype)
    tensors = _group_steps(values, group), _group_steps(result, group)
    terms = (_tile_optional(term, group) for term in (anchor, factor, small, large))
    # Without a change of dtype, the block of the result itself is the buffer.
    buffer_dtype = None if dtype == factor.dtype else factor.dtype
    for buffer, source, target, shift, slope, first, last in _iter_blocks(
        buffer_dtype, *tensors, *terms
    ):
        out = target if buffer is None else buffer
        centred = source if shift is None else torch.sub(source, shift, out=out)
        if first is None:
            torch.mul(centred, slope, out=out)
        else:
            torch.addcmul(first, centred, slope, out=out)
        if last is not None:
            out.add_(last)
        if buffer is not None:
            target.copy_(buffer)
    return result


def affine_gradients_in_blocks(
    gradient: Tensor, values: Tensor, anchor: AffineTerm, factor: Tensor, needs_values: bool
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Return the gradients of `affine_in_blocks`, whose result has this gradient.

    Returns:
        That of the values, gradient * factor, if needed; that of the factor, the sum over steps of
        gradient * (values - anchor); the sum over steps of the gradient, (batch, 1, channels) each.
    """
    group = min(_steps_per_row(gradient), _steps_per_row(values))
    result = values.new_empty(values.shape) if needs_values else None
    products, totals = torch.empty_like(factor), torch.empty_like(factor)
    tensors = _group_steps(values, group), _group_steps(gradient, group)
    result_rows = None if result is None else _group_steps(result, group)
    terms = (_tile_optional(term, group) for term in (anchor, factor))
    for buffer, source, slopes, target, start, rate, product, total in _iter_blocks(
        factor.dtype, *tensors, result_rows, *terms, products, totals
    ):
        _sum_steps(slopes, group, total)
        centred = source if start is None else torch.sub(source, start, out=buffer)
        torch.mul(centred, slopes, out=buffer)
        _sum_steps(buffer, group, product)
        if target is not None:
            torch.mul(slopes, rate, out=target)
    return result, products, totals


def _steps_per_row(values: Tensor) -> int:
    """Return the number of steps in a row of up to twice `ROW_VALUES` values.

    It is 1 if the channels alone fill a row, or if the memory layout does not allow grouping.
    """
    steps, channels = values.shape[1:]
    if channels >= ROW_VALUES or values.stride()[1:] != (channels, 1):
        return 1
    return _largest_group(steps, channels)


@lru_cache(maxsize=4096)
def _largest_group(steps: int, channels: int) -> int:
    return max(size for size in range(1, 2 * ROW_VALUES // channels + 1) if steps % size == 0)


def _group_steps(values: Tensor, group: int) -> Tensor:
    """Return a view (batch, steps / group, group * channels)."""
    steps, channels = values.shape[1:]
    return values if group == 1 else values.view(-1, steps // group, group * channels)


def _tile_channels(term: Tensor, group: int) -> Tensor:
    """Repeat a (batch, 1, channels) tensor for the steps grouped into a row."""
    if group == 1:
        return term
    return term.expand(-1, group, -1).reshape(len(term), 1, group * term.shape[2])


def _tile_optional(term: AffineTerm, group: int) -> AffineTerm:
    return None if term is None else _tile_channels(term, group)


def _sum_steps(rows: Tensor, group: int, out: Tensor) -> None:
    """Sum grouped rows over steps into (batch, 1, channels)."""
    if group == 1:
        torch.sum(rows, dim=1, keepdim=True, out=out)
    else:
        # Rows first: that sum reads memory in order, and little remains for the second one.
        sums = rows.sum(dim=1).view(len(rows), group, out.shape[2])
        torch.sum(sums, dim=1, keepdim=True, out=out)


def _iter_blocks(dtype: torch.dtype | None, *tensors: AffineTerm) -> Iterator[tuple[Any, ...]]:
    """Yield a buffer and the same windows of all tensors; the first has the windows' values.

    Without a dtype, None takes the place of the buffer.
    """
    values = tensors[0]
    assert values is not None
    batch, steps, channels = values.shape
    itemsize = (dtype or values.dtype).itemsize
    windows = max(1, BLOCK_BYTES * torch.get_num_threads() // max(1, steps * channels * itemsize))
    shape = min(windows, batch), steps, channels
    with _borrow_scratch(0 if dtype is None else math.prod(shape) * itemsize) as memory:
        buffer = None if dtype is None else memory.view(dtype).view(shape)
        if batch <= windows:  # the usual case, which needs no views
            yield buffer, *tensors
            return
        for start in range(0, batch, windows):
            stop = min(start + windows, batch)
            part = None if buffer is None else buffer[: stop - start]
            yield part, *(None if tensor is None else tensor[start:stop] for tensor in tensors)


@contextmanager
def _borrow_scratch(size: int) -> Generator[Tensor]:
    """Lend uninitialized bytes: of the thread's own buffer, or new ones if that is too small."""
    # Each thread keeps its buffer, because fresh pages cost as much as a pass over the data. It is
    # taken away while in use, so that a forecast in a signal handler gets another one.
    buffer: Tensor | None = getattr(_thread_scratch, "buffer", None)
    _thread_scratch.buffer = None
    if size > SCRATCH_BYTES:
        yield torch.empty(size, dtype=torch.uint8)
    else:
        buffer = torch.empty(SCRATCH_BYTES, dtype=torch.uint8) if buffer is None else buffer
        yield buffer[:size]
    _thread_scratch.buffer = buffer
