"""delta*: how far levels must move until removing them pays."""

import numpy as np
import torch

from revin_forecast.normalizers.blend import autocovariance, level_standard_error


def break_even_level(train: np.ndarray, lookback: int) -> np.ndarray:
    """Return delta* of each channel, (channels,) in the units of the values.

    delta* = (1' S^-1 1)^(-1/2), where the L x L matrix S has the autocovariance of lag |i - j| in
    row i and column j: c_k = sum_t (x_t - m) (x_{t+k} - m) / n, with m the mean of the n observed
    training rows. It is the deviation of the best linear estimate of a window's level (Aitken,
    1935). A best linear forecast that knows m loses less than one that estimates the level from the
    window as long as levels move by less than delta*, for any horizon. A millionth of c_0 is added
    to c_0, since smooth series have a nearly singular S.

    NaN for a channel that is constant or unobserved in the training rows.

    Args:
        train: (time, channels) training rows; NaN is unobserved and counts as m.
        lookback: L, look-back steps.
    """
    rows = torch.from_numpy(np.asarray(train, np.float64))
    covariance = autocovariance(rows, lookback, blocks=1)
    break_even = level_standard_error(covariance)
    # The covariance of a constant channel is the rounding error of its mean.
    size = torch.where(rows.isfinite(), rows, 0).abs().amax(dim=0)
    has_spread = covariance[0].sqrt() > 1e-9 * size
    return torch.where(has_spread, break_even, torch.nan).numpy()
