"""Normalization of few values by mean and deviation, in as few calls as possible.

A window of 96 values takes less time than the calls of the operations on it.
"""

import torch
from torch import Tensor

from revin_forecast.normalizers.kernels.blocked import MAX_FUSED_MOMENTS
from revin_forecast.normalizers.statistics import LocationScale

MIN_SCALE, MAX_SCALE = 1e-18, 1e18
"""Scales whose squares fit float32."""


def normalize_few_values(
    values: Tensor,
    correction: int,
    eps: float | None,
    affine: tuple[Tensor, Tensor] | None,
    dtype: torch.dtype,
) -> tuple[Tensor, LocationScale] | None:
    """Return windows normalized by mean and deviation, and these statistics without a gradient.

    None if a window has a gap or no spread: a deviation of NaN, 0 or beyond the dtype shows it.

    Args:
        values: (batch, steps, channels), at least one value; plain tensors.
        correction: 0 divides the sum of squares by the number of steps, 1 by one less.
        eps: added to the variance; None for 0.
        affine: weight and bias, (channels,) each, or None.
        dtype: dtype of the normalized windows.
    """
    steps = values.shape[1]
    anchor = values.narrow_copy(1, steps - 1, 1)  # a view would follow changes of the window
    if values.requires_grad:
        anchor = anchor.detach()
    centred = data = values - anchor
    if values.requires_grad:
        data = centred.detach()  # shares the memory of `centred`
    if values.numel() <= MAX_FUSED_MOMENTS and steps > correction:
        variance, mean = torch.var_mean(data, dim=1, correction=correction, keepdim=True)
        centred.sub_(mean)
    else:
        mean = data.sum(dim=1, keepdim=True).div_(steps)
        centred.sub_(mean)
        variance = (data * data).sum(dim=1, keepdim=True).div_(max(steps - correction, 1))
    scale = (variance if eps is None else variance + eps).sqrt_()
    lowest, highest = torch.aminmax(scale)
    if not (lowest.item() > MIN_SCALE and highest.item() < MAX_SCALE):
        return None
    z = centred / scale
    if affine is not None:
        z = z * affine[0] + affine[1]
    return (z if z.dtype is dtype else z.to(dtype)), LocationScale(anchor, mean, scale)
