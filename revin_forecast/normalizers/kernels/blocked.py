"""In-place passes over windows, in blocks that fit the processor's cache.

Written as plain tensor operations, the formulas of a normalizer are a dozen passes over memory.
Block by block they are one read and one write, with a buffer of a block's size. A block holds whole
windows. With few channels, several steps are grouped into one row, so that the processor's vector
registers are full. Nothing here is differentiable.
"""

import math
import threading
from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK_BYTES = 2**21
"""Size of a block for each thread, which fits the cache of one core."""
SCRATCH_BYTES = 2**23
"""Size of the buffer that a thread keeps between calls; a larger one is freed after the call."""
ROW_VALUES = 64
"""Number of values per row that fills the registers; grouped rows have up to twice as many."""

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
    return bool(past.sum(dtype=torch.promote_types(past.dtype, torch.float32)).isfinite())


def all_true(flags: Tensor) -> bool:
    """Return whether every value is True."""
    # The minimum of the bytes is 20 times as fast as `Tensor.all`.
    return flags.numel() == 0 or bool(flags.view(torch.uint8).amin())


def moments_in_blocks(past: Tensor, anchor: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance of `past - anchor`, (batch, 1, channels) each.

    Two passes: the variance is the mean square about the mean, never a difference of squares, which
    would cancel at a large level.
    """
    group, steps = _steps_per_row(past), past.shape[1]
    rows, row_anchor = _group_steps(past, group), _tile_channels(anchor, group)
    mean, variance = torch.empty_like(anchor), torch.empty_like(anchor)
    for block, buffer in _iter_blocks(rows, anchor.dtype):
        torch.sub(rows[block], row_anchor[block], out=buffer)
        _sum_steps(buffer, group, mean[block])
        mean[block].div_(steps)
        buffer.sub_(_tile_channels(mean[block], group)).square_()
        _sum_steps(buffer, group, variance[block])
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
    rows = _group_steps(values, group)
    factor = _tile_channels(factor, group)
    anchor, small, large = (_tile_optional(term, group) for term in (anchor, small, large))
    result = values.new_empty(values.shape, dtype=dtype)
    result_rows = _group_steps(result, group)
    for block, buffer in _iter_blocks(rows, factor.dtype):
        # Without a change of dtype, the block of the result itself is the buffer.
        out = result_rows[block] if dtype == factor.dtype else buffer
        source = rows[block] if anchor is None else torch.sub(rows[block], anchor[block], out=out)
        if small is None:
            torch.mul(source, factor[block], out=out)
        else:
            torch.addcmul(small[block], source, factor[block], out=out)
        if large is not None:
            out.add_(large[block])
        if dtype != factor.dtype:
            result_rows[block].copy_(out)
    return result


def sum_products_in_blocks(
    gradient: Tensor, values: Tensor, anchor: AffineTerm, dtype: torch.dtype
) -> Tensor:
    """Return the sum over steps of gradient * (values - anchor), (batch, 1, channels)."""
    group = min(_steps_per_row(gradient), _steps_per_row(values))
    gradient_rows, rows = _group_steps(gradient, group), _group_steps(values, group)
    anchor = _tile_optional(anchor, group)
    result = values.new_empty((values.shape[0], 1, values.shape[2]), dtype=dtype)
    for block, buffer in _iter_blocks(rows, dtype):
        source = (
            rows[block] if anchor is None else torch.sub(rows[block], anchor[block], out=buffer)
        )
        torch.mul(source, gradient_rows[block], out=buffer)
        _sum_steps(buffer, group, result[block])
    return result


def _steps_per_row(values: Tensor) -> int:
    """Return the number of steps in a row of up to twice `ROW_VALUES` values.

    It is 1 if the channels alone fill a row, or if the memory layout does not allow grouping.
    """
    steps, channels = values.shape[1:]
    if channels >= ROW_VALUES or values.stride()[1:] != (channels, 1):
        return 1
    return max(size for size in range(1, 2 * ROW_VALUES // channels + 1) if steps % size == 0)


def _group_steps(values: Tensor, group: int) -> Tensor:
    """Return a view (batch, steps / group, group * channels)."""
    steps, channels = values.shape[1:]
    return values if group == 1 else values.view(-1, steps // group, group * channels)


def _tile_channels(term: Tensor, group: int) -> Tensor:
    """Repeat a (batch, 1, channels) tensor for the steps grouped into a row."""
    return term if group == 1 else torch.cat([term] * group, dim=2)


def _tile_optional(term: AffineTerm, group: int) -> AffineTerm:
    return None if term is None else _tile_channels(term, group)


def _sum_steps(rows: Tensor, group: int, out: Tensor) -> None:
    """Sum grouped rows over steps into (batch, 1, channels)."""
    if group == 1:
        torch.sum(rows, dim=1, keepdim=True, out=out)
    else:
        # Rows first: that sum reads memory in order, and little remains for the second one.
        sums = rows.sum(dim=1).view(len(rows), group, -1)
        torch.sum(sums, dim=1, keepdim=True, out=out)


def _iter_blocks(rows: Tensor, dtype: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
    """Yield slices of whole windows, each with a buffer of the slice's shape."""
    window_bytes = rows.shape[1] * rows.shape[2] * dtype.itemsize
    windows = max(1, BLOCK_BYTES * torch.get_num_threads() // max(1, window_bytes))
    shape = min(windows, len(rows)), *rows.shape[1:]
    buffer = _get_scratch_buffer(shape, dtype)
    for start in range(0, len(rows), windows):
        block = slice(start, min(start + windows, len(rows)))
        yield block, buffer[: block.stop - start]


def _get_scratch_buffer(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return uninitialized memory: the thread's own buffer, or new memory if that is too small."""
    # Each thread keeps its buffer, because fresh pages cost as much as a pass over the data.
    size = math.prod(shape) * dtype.itemsize
    if size > SCRATCH_BYTES:
        return torch.empty(shape, dtype=dtype)
    if not hasattr(_thread_scratch, "buffer"):
        _thread_scratch.buffer = torch.empty(SCRATCH_BYTES, dtype=torch.uint8)
    return _thread_scratch.buffer[:size].view(dtype).view(shape)
