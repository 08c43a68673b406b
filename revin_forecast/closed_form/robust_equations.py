"""Normal equations with smaller weights for windows that a map forecasts badly."""

from dataclasses import replace

import torch
from torch import Tensor

from revin_forecast.closed_form.equations_with_gaps import (
    WindowBlock,
    iter_window_blocks,
    no_equations,
    window_stride,
)
from revin_forecast.closed_form.normal_equations import NormalEquations
from revin_forecast.normalizers import LocationScaleNormalizer

MIN_RELATIVE_ERROR = 0.3
"""Least error of a window, in mean errors of all windows: no weight is above its inverse."""


def robust_equations(
    values: Tensor,
    normalizer: LocationScaleNormalizer,
    weight: Tensor,
    bias: Tensor,
    max_windows: int,
) -> NormalEquations:
    """Return the equations of evenly spaced windows, weighted by a map's inverse error on them.

    The weight of a window is 1 over its mean absolute residual. Least squares with these weights is
    a step from the squared error towards the absolute one, which outliers move less (iteratively
    reweighted least squares; Schlossmacher, JASA 68, 1973), with one weight for a whole horizon.
    Gaps are treated as in `observed_target_equations`.

    Args:
        values: (time, channels) float64; NaN is unobserved.
        normalizer: gives each window's location; in float64, for one channel.
        weight: (horizon, lookback), solved with equal weights.
        bias: (horizon,).
        max_windows: largest number of windows of all channels.
    """
    horizon, lookback = weight.shape
    stride = window_stride(len(values), values.shape[1], lookback + horizon, max_windows)
    blocks = list(iter_window_blocks(values, normalizer, lookback, horizon, stride))
    errors = [_compute_errors(block, weight, bias) for block in blocks]
    total = no_equations(values, lookback, horizon)
    if not blocks or not (unit := torch.cat(errors).nanmean()) > 0:
        return total
    weights = [1 / (error / unit).clamp(min=MIN_RELATIVE_ERROR).nan_to_num(1) for error in errors]
    mean_weight = torch.cat(weights).mean()
    target_weights = values.new_zeros(horizon)
    for block, block_weights in zip(blocks, weights, strict=True):
        column = (block_weights / mean_weight).unsqueeze(1)
        weighted_past = block.past * column
        total += NormalEquations(
            gram=block.past.mT @ weighted_past,
            cross=block.targets.mT @ weighted_past,
            target_squares=(block.targets.square() * column).sum(dim=0),
            input_sums=weighted_past.sum(dim=0),
            target_sums=(block.targets * column).sum(dim=0),
            count=len(block.past),
        )
        target_weights += (block.target_observed * column).sum(dim=0)
    # From the windows that have a step's target up to all windows.
    upscaling = torch.where(target_weights > 0, total.count / target_weights, 0)
    return replace(
        total,
        cross=total.cross * upscaling.unsqueeze(1),
        target_squares=total.target_squares * upscaling,
        target_sums=total.target_sums * upscaling,
    )


def _compute_errors(block: WindowBlock, weight: Tensor, bias: Tensor) -> Tensor:
    """Return each window's mean absolute residual, (windows,); NaN without an observed target."""
    residual = block.targets - block.past @ weight.mT - bias
    residual = torch.where(block.target_observed, residual, 0).abs()
    return residual.sum(dim=1) / block.target_observed.sum(dim=1)
