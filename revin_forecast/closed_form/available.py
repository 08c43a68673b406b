import torch
from torch import Tensor

from revin_forecast.closed_form.equations import NormalEquations
from revin_forecast.closed_form.masked import iter_window_blocks, window_stride
from revin_forecast.normalizers import LocationScaleNormalizer


def observed_target_equations(
    values: Tensor,
    normalizer: LocationScaleNormalizer,
    lookback: int,
    horizon: int,
    max_windows: int,
) -> NormalEquations:
    """Sum over evenly spaced windows, gaps or not, every target that was observed.

    An unobserved input stands at the window's location, where the normalizer puts it when it
    forecasts. All steps share one Gram matrix, of all windows; what a step sees of its targets is
    scaled up to as many (available cases: right as far as gaps come by chance). `masked_equations`
    is exact, with a matrix for each step.

    Args:
        values: (time, channels) float64; NaN is unobserved.
        normalizer: gives each window's location; in float64, for one channel.
        lookback: steps seen.
        horizon: steps forecast.
        windows: at most, over all channels.
    """
    inputs = values.new_zeros(lookback, lookback)
    sums = values.new_zeros(lookback)
    cross = values.new_zeros(horizon, lookback)
    squares, targets = values.new_zeros(horizon), values.new_zeros(horizon)
    seen_at, count = values.new_zeros(horizon), 0
    stride = window_stride(len(values), values.shape[1], lookback + horizon, max_windows)
    for block in iter_window_blocks(values, normalizer, lookback, horizon, stride):
        past, future = block.past, block.targets
        inputs += past.mT @ past
        sums += past.sum(dim=0)
        cross += future.mT @ past
        squares += future.square().sum(dim=0)
        targets += future.sum(dim=0)
        seen_at += block.target_observed.sum(dim=0)
        count += len(past)
    up = torch.where(seen_at > 0, count / seen_at.clamp(min=1), 0)
    if not bool((seen_at > 0).any()):
        count = 0
    return NormalEquations(inputs, cross * up.unsqueeze(1), squares * up, sums, targets * up, count)
