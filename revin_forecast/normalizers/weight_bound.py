"""The bound that keeps affine weights away from zero, its inverse and its warning."""

import warnings

import torch
from torch import Tensor

from revin_forecast.normalizers.kernels.dispatch import can_branch_on_data, is_away_from_zero

MIN_GAIN = 0.01
"""Smallest effective affine weight: a forecast is never amplified more than 100 times."""
MAX_CHANNELS_SHOWN = 5


def bound_away_from_zero(weight: Tensor) -> Tensor:
    """Move weights closer to zero than twice `MIN_GAIN` away from it, preserving the sign.

    w -> sign(w) (w^2 / (2 b) + b / 2) for |w| < b = 0.02. The map is smooth at b, so a small weight
    still gets a gradient. Zero counts as positive.

    >>> bound_away_from_zero(torch.tensor([1.0, 0.0, -1e-10, -3.0]))
    tensor([ 1.0000,  0.0100, -0.0100, -3.0000])
    """
    bound = 2 * MIN_GAIN
    # The usual case. Returning early saves ten small operations in each direction; compiled code
    # can't branch on data and takes the general path.
    if can_branch_on_data(weight) and is_away_from_zero(weight, bound):
        return weight
    sign = torch.where(weight < 0, -1.0, 1.0).to(weight.dtype)
    bounded = sign * (weight.square() / (2 * bound) + bound / 2)
    return torch.where(weight.abs() < bound, bounded, weight)


def undo_bound(weight: Tensor) -> Tensor:
    """Return the weights that `bound_away_from_zero` maps to these; those below 0.01 unchanged.

    >>> bound_away_from_zero(undo_bound(torch.tensor([1.0, 0.015, -0.01])))
    tensor([ 1.0000,  0.0150, -0.0100])
    """
    bound, size = 2 * MIN_GAIN, weight.abs()
    # Never 0, which counts as positive.
    inverse = ((size - MIN_GAIN) * 2 * bound).clamp(min=1e-16).sqrt()
    is_small = (size >= MIN_GAIN) & (size < bound)
    return torch.where(is_small, inverse.copysign(weight), weight)


def warn_of_small_weights(weight: Tensor, prefix: str) -> None:
    """Warn of weights that the bound changes, at the line that calls the caller's caller."""
    is_small: list[bool] = (weight.abs() < MIN_GAIN).tolist()  # pyright: ignore
    channels = [channel for channel, small in enumerate(is_small) if small]
    if not channels:
        return
    acting = bound_away_from_zero(weight)
    changes = [
        f"{weight[channel].item():.3g} of channel {channel} acts as {acting[channel].item():.3g}"
        for channel in channels[:MAX_CHANNELS_SHOWN]
    ]
    if len(channels) > len(changes):
        changes.append(f"and {len(channels) - len(changes)} more")
    place = f" of {prefix}" if prefix else ""
    warnings.warn(
        f"weights{place} smaller than {MIN_GAIN:g} are bounded: {', '.join(changes)}. Pass "
        "exact=True to keep them; a forecast is then amplified without limit.",
        stacklevel=4,
    )
