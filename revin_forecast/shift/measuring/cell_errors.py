"""The errors and scores of forecasts in the windows of a cell, on the clean data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset, observed_mean
from revin_forecast.shift.measuring.blocks import MAX_BLOCK_CHANNELS, block_means
from revin_forecast.shift.measuring.calibration import Calibration
from revin_forecast.shift.measuring.interval_scores import (
    OWN_PREFIX,
    score_conformal,
    score_quantiles,
)
from revin_forecast.shift.measuring.reductions import (
    divide_by_gain,
    iter_chunks,
    mean_absolute,
    mean_square,
)
from revin_forecast.shift.measuring.windows import ShiftedWindows, clean_targets


@dataclass(frozen=True, eq=False)
class CellErrors:
    """A model's errors in the windows of a cell."""

    errors: np.ndarray
    """(windows, horizon, channels) forecast - truth, pulled back if the shift has an inverse."""
    forecasts: np.ndarray
    """(windows, horizon, channels) as the model returned them."""
    window_errors: np.ndarray
    """(windows,) float32 mean over the channels of |e| in units of the naive training error."""
    metrics: dict[str, Any]
    """The other metrics of the cell, by column."""
    blocks: dict[str, np.ndarray]
    """(blocks, columns) float32 means over blocks of windows, by metric; channels: MASE* of each
    channel, NaN without a scale."""


def compute_errors(
    dataset: ShiftDataset,
    calibration: Calibration,
    windows: ShiftedWindows,
    forecasts: np.ndarray,
    quantiles: np.ndarray | None = None,
) -> CellErrors:
    """Compare the forecasts of a cell's windows with the truth.

    Args:
        dataset: the data.
        calibration: of the same model.
        windows: the windows.
        forecasts: (windows, horizon, channels), finite.
        quantiles: (windows, horizon, channels, levels) of a model that has `QUANTILE_LEVELS`.
    """
    raw = forecasts - windows.targets
    truth, error = _pull_back(dataset, windows, forecasts, raw)
    used = dataset.has_scale
    # Each pass over all errors counts, as a benchmark has many thousands of cells.
    size, square = mean_absolute(error), mean_square(error)
    raw_size, raw_square = (
        (size, square) if error is raw else (mean_absolute(raw), mean_square(raw))
    )
    mase = size[:, used] / dataset.naive_scale[used]
    by_window = _mean_over_channels(mase)
    by_channel = observed_mean(mase, axis=0)
    rmsse = np.sqrt(square)[:, used] / dataset.naive_rmse[used]
    metrics: dict[str, Any] = {
        "mase_pb": float(observed_mean(by_window.astype(np.float64))),
        "mase_pb_median": float(np.median(by_channel)),
        "rmsse_pb": float(observed_mean(rmsse)),
        "mse_raw": _overall_mean(raw_square, lambda: np.square(raw)),
        "mae_raw": _overall_mean(raw_size, lambda: np.abs(raw)),
        "n_excl_channels": int((~used).sum()),
        "undamping": float(calibration.factors.mean()),
    }
    undamped = _undamped_sizes(error, truth, calibration.factors)
    scores = {"mase_undamped": undamped[:, used] / dataset.naive_scale[used]}
    scores |= _score_intervals(dataset, calibration.radii, windows, raw, quantiles)
    metrics |= {name: float(observed_mean(values)) for name, values in scores.items()}
    blocks: dict[str, np.ndarray] = {}
    if len(mase) > 1:  # the channels of a single window are replicates
        channels = np.full(len(used), np.nan)
        channels[used] = by_channel
        metrics["mase_channels"] = [float(f"{value:.7g}") for value in channels]
        blocks = _block_means(mase, scores, calibration.block_length)
        if len(used) <= MAX_BLOCK_CHANNELS:
            all_channels = np.full((len(mase), len(used)), np.nan)
            all_channels[:, used] = mase
            blocks["channels"] = block_means(all_channels, calibration.block_length)
    return CellErrors(error, forecasts, by_window, metrics, blocks)


def _pull_back(
    dataset: ShiftDataset, windows: ShiftedWindows, forecasts: np.ndarray, raw: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the truth that forecasts are compared with, and their errors."""
    # Without an inverse, or with a clean truth, the raw error is the error already.
    if windows.restore is None or not windows.has_shifted_targets:
        return windows.targets, raw
    truth = clean_targets(dataset, windows.starts)
    if windows.has_curved_inverse:
        return truth, windows.restore(forecasts) - truth
    return truth, divide_by_gain(raw, windows.gain)


def _mean_over_channels(mase: np.ndarray) -> np.ndarray:
    """Return the errors of the replicates, float32: of windows, or channels of a single one."""
    by_window = mase[0] if len(mase) == 1 else observed_mean(mase, axis=1)
    return by_window.astype(np.float32)


def _undamped_sizes(error: np.ndarray, truth: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return the mean |k f - y| over the horizon, f = y + e the forecasts on the clean data.

    With the factors k that are best on the clean test windows. A model that damps its forecasts
    towards the training mean gains nothing here.
    """
    size = np.empty((len(error), error.shape[2]))
    for part in iter_chunks(error):
        scaled = error[part] + truth[part]
        scaled *= factors
        scaled -= truth[part]
        size[part] = mean_absolute(scaled)
    return size


def _score_intervals(
    dataset: ShiftDataset,
    radii: np.ndarray,
    windows: ShiftedWindows,
    raw: np.ndarray,
    quantiles: np.ndarray | None,
) -> dict[str, np.ndarray]:
    """Return the scores of conformal intervals and of a model's own ones, by column."""
    gain = None if windows.gain is None else np.abs(windows.gain)
    scores = score_conformal(raw, radii, gain, dataset.naive_scale)
    if quantiles is not None:
        errors = quantiles - windows.targets[..., None]
        own = score_quantiles(errors, gain, dataset.naive_scale)
        scores |= {OWN_PREFIX + name: values for name, values in own.items()}
    # The ends of each interval would have to be pulled back one by one.
    if windows.has_curved_inverse:
        unknown = ("width_80", "wql")
        scores = {
            name: np.full_like(values, np.nan) if name.endswith(unknown) else values
            for name, values in scores.items()
        }
    return {name: values[:, dataset.has_scale] for name, values in scores.items()}


def _block_means(
    mase: np.ndarray, scores: Mapping[str, np.ndarray], block_length: int
) -> dict[str, np.ndarray]:
    """Return the block means of the scores that have an interval."""
    names = [name for name, values in scores.items() if len(values) == len(mase)]
    table = np.stack([observed_mean(scores[name], axis=1) for name in names], axis=1)
    means = block_means(table, block_length)
    blocks = {name: means[:, [column]] for column, name in enumerate(names)}
    return {name: values for name, values in blocks.items() if np.isfinite(values).any()}


def _overall_mean(means: np.ndarray, make_values: Callable[[], np.ndarray]) -> float:
    """Return the mean over all observed values, given the means over the horizon.

    With gaps the values themselves are needed, as means over fewer steps would count as much.
    """
    if np.isfinite(means).all():
        return float(means.mean())
    return float(observed_mean(make_values()))
