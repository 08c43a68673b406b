"""One level of an orthogonal wavelet transform along the last axis."""

import torch
from torch import Tensor
from torch.nn import functional

from revin_forecast.normalizers.learned import disable_autocast

COIFLET_3 = (
    -3.459977319727278e-05,
    -7.0983302506379e-05,
    0.0004662169598204029,
    0.0011175187708306303,
    -0.0025745176881367972,
    -0.009007976136730624,
    0.015880544863669452,
    0.03455502757329774,
    -0.08230192710629983,
    -0.07179982161915484,
    0.42848347637737,
    0.7937772226260872,
    0.40517690240911824,
    -0.06112339000297255,
    -0.06577191128146936,
    0.023452696142077168,
    0.007782596425672746,
    -0.003793512864380802,
)
"""Low-pass filter of the coiflet of order 3 (Daubechies, Ten Lectures on Wavelets, 1992)."""


def split_bands(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the low and the high frequencies, at half the number of steps (plus 8) each.

    Values continue as 0 beyond both ends, so that `join_bands` restores any number of steps.

    Args:
        values: (batch, channels, time).

    >>> values = torch.randn(2, 3, 13, dtype=torch.float64)
    >>> low, high = split_bands(values)
    >>> low.shape, torch.allclose(join_bands(low, high, steps=13), values)
    (torch.Size([2, 3, 15]), True)
    """
    filters = _build_filters(values)
    odd = values.shape[2] % 2
    padding = len(COIFLET_3) - 2
    padded = functional.pad(values.flatten(0, 1).unsqueeze(1), (padding, padding + odd))
    with disable_autocast(values):
        bands = functional.conv1d(padded, filters, stride=2)
    bands = torch.unflatten(bands, 0, values.shape[:2])
    return bands[:, :, 0], bands[:, :, 1]


def join_bands(low: Tensor, high: Tensor, steps: int) -> Tensor:
    """Return the values of two bands, (batch, channels, steps): the inverse of `split_bands`."""
    filters = _build_filters(low)
    bands = torch.stack([low, high], dim=2).flatten(0, 1)
    with disable_autocast(low):
        values = functional.conv_transpose1d(bands, filters, stride=2)
    padding = len(COIFLET_3) - 2
    kept = values[:, 0, padding : padding + steps]
    return torch.unflatten(kept, 0, low.shape[:2])


def _build_filters(like: Tensor) -> Tensor:
    """Return the low-pass and the high-pass filter, (2, 1, steps)."""
    # From numbers, not a buffer: a buffer in float32 would stay rounded after `.double()`.
    high = [value if step % 2 else -value for step, value in enumerate(reversed(COIFLET_3))]
    return like.new_tensor([COIFLET_3, high]).unsqueeze(1)
