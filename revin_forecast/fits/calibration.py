import numpy as np
import torch
from torch import Tensor

from revin_forecast.data.windows import Windows
from revin_forecast.intervals import Intervals, gap_share, window_scale
from revin_forecast.reversible import Reversible, forecast_channels

FEWEST = 10
"""Validation windows, over all channels, that intervals can be calibrated on."""
LONG = 0.4
"""Share of the last quarter of a look-back from which on a gap at its end is long."""
VALUES = 2**22
"""Forecast values looked at, at most: 16 MiB."""
VALUES_AT_ONCE = 2**24


def calibrated(residuals: Tensor, past: Tensor, stride: float) -> Intervals | None:
    """Return conformal intervals; None where too few windows were observed.

    Windows that end in a long gap are left out if enough others are there: few forecasts are made
    from such a one, and what is known then is told by the gap (`Intervals.quantiles`).

    Args:
        residuals: (windows, horizon, targets) truth less forecast, NaN where unobserved.
        past: (windows, lookback, targets) the windows the forecasts were made from.
        stride: steps from one window's origin to the next's.
    """
    without = residuals.masked_fill((gap_share(past) > LONG).unsqueeze(1), torch.nan)
    if int(without.isfinite().any(1).sum()) >= FEWEST:
        residuals = without
    if int(residuals.isfinite().any(1).sum()) < FEWEST:
        return None
    scales = window_scale(past).double().numpy()
    return Intervals.calibrate(residuals.double().numpy(), scales, stride)


@torch.inference_mode()
def calibrated_on(model: Reversible, windows: Windows) -> tuple[Intervals | None, int]:
    """Return intervals calibrated on evenly spaced windows, and how many those were.

    The model must not have been fitted on them.
    """
    past, future, _ = windows[0:1]
    targets = forecast_channels(model, future).numel()
    count = max(FEWEST, min(len(windows), VALUES // targets))
    chosen = np.unique(np.linspace(0, len(windows) - 1, count).round().astype(int))
    size = max(1, VALUES_AT_ONCE // past.numel())
    residuals, pasts = [], []
    for start in range(0, len(chosen), size):
        past, future, known = windows[torch.from_numpy(chosen[start : start + size])]
        forecast = model(past, known=known)
        residuals.append(forecast_channels(model, future) - forecast)
        pasts.append(forecast_channels(model, past))
    stride = max(1.0, (len(windows) - 1) / max(1, len(chosen) - 1))
    return calibrated(torch.cat(residuals), torch.cat(pasts), stride), len(chosen)
