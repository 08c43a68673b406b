import numpy as np
import torch
from torch import Tensor

from revin_forecast.data.windows import Windows
from revin_forecast.models.intervals import ConformalIntervals, recent_gap_share, window_scale
from revin_forecast.models.reversible import Reversible, select_targets

MIN_WINDOWS = 10
"""Validation windows, over all channels, that intervals can be calibrated on."""
LONG_GAP_SHARE = 0.4
"""Share of the last quarter of a look-back from which on a gap at its end is long."""
MAX_VALUES = 2**22
"""Forecast values looked at, at most: 16 MiB."""
MAX_BATCH_VALUES = 2**24


def calibrate_intervals(
    residuals: Tensor, past: Tensor, stride: float
) -> ConformalIntervals | None:
    """Return conformal intervals; None where too few windows were observed.

    Windows that end in a long gap are left out if enough others are there: few forecasts are made
    from such a one, and what is known then is told by the gap (`Intervals.quantiles`).

    Args:
        residuals: (windows, horizon, targets) truth less forecast, NaN where unobserved.
        past: (windows, lookback, targets) the windows the forecasts were made from.
        stride: steps from one window's origin to the next's.
    """
    without = residuals.masked_fill(
        (recent_gap_share(past) > LONG_GAP_SHARE).unsqueeze(1), torch.nan
    )
    if int(without.isfinite().any(1).sum()) >= MIN_WINDOWS:
        residuals = without
    if int(residuals.isfinite().any(1).sum()) < MIN_WINDOWS:
        return None
    scales = window_scale(past).double().numpy()
    return ConformalIntervals.calibrate(residuals.double().numpy(), scales, stride)


@torch.inference_mode()
def calibrate_on_windows(
    model: Reversible, windows: Windows
) -> tuple[ConformalIntervals | None, int]:
    """Return intervals calibrated on evenly spaced windows, and how many those were.

    The model must not have been fitted on them.
    """
    past, future, _ = windows[0:1]
    targets = select_targets(model, future).numel()
    count = max(MIN_WINDOWS, min(len(windows), MAX_VALUES // targets))
    chosen = np.unique(np.linspace(0, len(windows) - 1, count).round().astype(int))
    size = max(1, MAX_BATCH_VALUES // past.numel())
    residuals, pasts = [], []
    for start in range(0, len(chosen), size):
        past, future, known = windows[torch.from_numpy(chosen[start : start + size])]
        forecast = model(past, known=known)
        residuals.append(select_targets(model, future) - forecast)
        pasts.append(select_targets(model, past))
    stride = max(1.0, (len(windows) - 1) / max(1, len(chosen) - 1))
    return calibrate_intervals(torch.cat(residuals), torch.cat(pasts), stride), len(chosen)
