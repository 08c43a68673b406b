"""Statistics of consecutive slices of a window, whose number of steps need not divide it."""

import torch
from torch import Tensor
from torch.nn import functional


def slice_statistics(
    values: Tensor, observed: Tensor, length: int, align_end: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, unbiased variance and number of the observed values of each slice.

    Args:
        values: (batch, time, channels).
        observed: where a value counts.
        length: steps of a slice; a shorter one remains where it does not divide the window.
        align_end: the shorter slice is the first, not the last.

    Returns:
        Three tensors (batch, slices, channels); 0 where there are too few values.
    """
    missing = -values.shape[1] % length
    padding = (0, 0, missing, 0) if align_end else (0, 0, 0, missing)
    steps = (values.shape[1] + missing) // length
    seen = functional.pad(observed.to(values.dtype), padding)
    seen = seen.unflatten(1, (steps, length))
    inside = functional.pad(torch.where(observed, values, 0), padding).unflatten(1, (steps, length))
    count = seen.sum(dim=2)
    mean = inside.sum(dim=2) / count.clamp(min=1)
    squares = ((inside - mean.unsqueeze(2)) * seen).square().sum(dim=2)
    return mean, squares / (count - 1).clamp(min=1), count


def repeat_over_steps(slices: Tensor, length: int, steps: int, align_end: bool) -> Tensor:
    """Give each step the value of its slice: (batch, slices, channels) to (batch, steps, ...)."""
    repeated = slices.repeat_interleave(length, dim=1)
    return repeated[:, repeated.shape[1] - steps :] if align_end else repeated[:, :steps]
