"""Calibrate prediction intervals on validation windows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from revin_forecast.data.formatting import pluralize
from revin_forecast.data.windows import Windows
from revin_forecast.models.conformal_intervals import ConformalIntervals
from revin_forecast.models.intervals import Intervals, recent_gap_share, window_scale
from revin_forecast.models.reversible import Reversible, select_targets
from revin_forecast.models.series_intervals import SeriesIntervals
from revin_forecast.selection.naive_comparison import (
    NaiveComparison,
    compare_with_naive,
    forecast_naively,
)
from revin_forecast.utils.shapes import Future, Past

MIN_WINDOWS = 10
"""Fewest validation windows, counted over all channels, for conformal intervals."""
LONG_GAP_SHARE = 0.4
"""Share of the last quarter of a look-back above which a gap at its end counts as long."""
MAX_VALUES = 2**22
"""Most forecast values to calibrate on: 16 MiB in float32."""
MAX_BATCH_VALUES = 2**24
"""Most look-back values the model receives at once: 64 MiB in float32."""


def calibrate_intervals(residuals: Future, past: Past, stride: float) -> Intervals:
    """Return conformal intervals, or those of a parametric spread if few windows were observed.

    Windows that end in a long gap are left out if enough others remain: few forecasts start from
    such a window, and `ConformalIntervals.quantiles` widens their intervals by the gap.

    Args:
        residuals: (windows, horizon, targets) truth minus forecast, NaN where unobserved.
        past: (windows, lookback, targets) the windows the forecasts were made from.
        stride: steps from one window's origin to the next.
    """
    ends_in_gap = (recent_gap_share(past) > LONG_GAP_SHARE).unsqueeze(1)
    without_gaps = residuals.masked_fill(ends_in_gap, torch.nan)
    if int(without_gaps.isfinite().any(1).sum()) >= MIN_WINDOWS:
        residuals = without_gaps
    if int(residuals.isfinite().any(1).sum()) < MIN_WINDOWS:
        return _calibrate_spread(residuals, stride)
    scales = window_scale(past).double().numpy()
    return ConformalIntervals.calibrate(residuals.double().numpy(), scales, stride)


def describe_calibration(summary: Mapping[str, Any]) -> str:
    """Return how a model's intervals were calibrated, from the summary of its fit.

    >>> describe_calibration({"interval_method": "conformal", "calibration_windows": 60})
    'conformal, calibrated on 60 windows'
    """
    # Earlier versions had one method and saved no name.
    method = summary.get("interval_method", "conformal")
    windows = summary.get("calibration_windows")
    if windows is None:
        return method
    if windows == 0:
        return f"{method}, assumed because none is known yet"
    return f"{method}, calibrated on {pluralize(windows, 'window')}"


def _calibrate_spread(residuals: Future, stride: float) -> SeriesIntervals:
    """Return intervals from a few windows, whatever the amplitude of a later window."""
    windows, horizon, channels = residuals.shape
    span = (windows - 1) * stride / horizon + 1
    count = np.full(channels, float(min(windows, span)))
    unknown = torch.full((channels,), torch.nan, dtype=torch.float64)
    amplitudes = unknown.expand(windows, -1)
    return SeriesIntervals.calibrate(residuals.double(), amplitudes, unknown, unknown, count)


@torch.inference_mode()
def calibrate_on_windows(
    model: Reversible, windows: Windows, season: int
) -> tuple[Intervals, int, NaiveComparison]:
    """Return intervals calibrated on evenly spaced windows, and the evidence for them.

    The model must not have been fitted on the windows, or the intervals would be too narrow.

    Args:
        model: the fitted model.
        windows: windows after the rows that it was fitted on.
        season: steps in a season; 1 without one.

    Returns:
        Intervals, the number of windows, and the comparison with the naive forecast there.
    """
    past, future, _ = windows[0:1]
    values_per_window = select_targets(model, future).numel()
    count = max(MIN_WINDOWS, min(len(windows), MAX_VALUES // values_per_window))
    indices = np.unique(np.linspace(0, len(windows) - 1, count).round().astype(int))
    batch_size = max(1, MAX_BATCH_VALUES // past.numel())
    residuals, pasts, futures = [], [], []
    for start in range(0, len(indices), batch_size):
        past, future, known = windows[torch.from_numpy(indices[start : start + batch_size])]
        forecast = model(past, known=known)
        futures.append(select_targets(model, future))
        residuals.append(futures[-1] - forecast)
        pasts.append(select_targets(model, past))
    stride = max(1.0, (len(windows) - 1) / max(1, len(indices) - 1))
    errors, past = torch.cat(residuals), torch.cat(pasts)
    truth, naive_errors = torch.cat(futures), {}
    for lag in {1, season if season <= past.shape[1] else 1}:
        naive_errors[lag] = truth - forecast_naively(past, errors.shape[1], lag)
    comparison = compare_with_naive(errors, naive_errors, season)
    return calibrate_intervals(errors, past, stride), len(indices), comparison
