"""Measure a trained model in one cell, with errors pulled back to the clean data."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from revin_forecast.errors import InputError
from revin_forecast.shift.dataset import MIN_SCALE, ShiftDataset, horizon_mean, observed_mean
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.measuring.oracle import oracle_error
from revin_forecast.shift.measuring.windows import (
    ShiftedWindows,
    clean_targets,
    clean_windows,
    forecast_windows,
    shifted_windows,
)
from revin_forecast.shift.statistics import log_ratio_interval

TAIL_SHARE = 0.1
"""Share of the windows in the tail whose mean error is the conditional value at risk."""


@dataclass(frozen=True, eq=False)
class CellErrors:
    """A model's errors in the windows of a cell."""

    mase: np.ndarray
    """(windows, channels) mean |e| over the horizon in units of the naive training error."""
    window_errors: np.ndarray
    """(windows,) float32 mean of `mase` over the channels."""
    metrics: dict[str, float]
    """The other metrics of the cell, by column."""
    restored_forecasts: np.ndarray
    """(windows, horizon, channels) forecasts, pulled back if the shift has an inverse."""


@dataclass(frozen=True, eq=False)
class CellResult:
    """One row of the table of cells, with the error of each window."""

    row: dict[str, Any]
    window_errors: np.ndarray
    """(windows,) float32."""


class Evaluator:
    """Measures a model on one data set, cell by cell, against its own clean forecasts.

    Args:
        model: the model, in evaluation mode.
        dataset: the data.
        stride: steps between windows.
        resamples: draws of the block bootstrap.
        dtype: dtype of the look-backs that the model receives.
    """

    def __init__(
        self,
        model: nn.Module,
        dataset: ShiftDataset,
        stride: int,
        resamples: int,
        dtype: torch.dtype = torch.float32,
    ):
        self.model, self.dataset, self.stride = model, dataset, stride
        self.resamples, self.dtype = resamples, dtype
        # A block spans a window or a season, whichever is longer, as overlapping windows have
        # correlated errors.
        self.block_length = -(-max(dataset.width, dataset.season) // stride)
        windows = clean_windows(dataset, stride, dtype)
        self.clean_errors = self._compute_errors(windows)
        if len(windows.past) == 1:
            self.block_length = 1  # the replicates are channels, which do not overlap

    def measure(self, cell: Cell) -> list[CellResult]:
        """Return the rows of a cell: one, or one for each decile of natural shift.

        Raises:
            InputError: a forecast is not finite, or the cell has no window.
        """
        if cell.placement == "natural":
            return self._measure_deciles()
        if cell.shift is None:
            clean = self.clean_errors.window_errors
            oracle = oracle_error(self.dataset, None, self.stride)
            metrics = self._cell_metrics(self.clean_errors, clean, oracle) | {"displacement": 0.0}
            return [CellResult({"shift": "none", "arm": "", "knob": 0.0, **metrics}, clean)]
        windows = shifted_windows(self.dataset, cell, self.stride, self.dtype)
        if not len(windows.past):
            raise InputError("no window remains: the shift needs more rows than the test part has.")
        errors = self._compute_errors(windows)
        clean = self._matching_clean_errors(windows)
        oracle = oracle_error(self.dataset, cell, self.stride)
        metrics = self._cell_metrics(errors, clean, oracle)
        if cell.shift.is_equivariant and cell.placement == "steady":
            metrics["eg"] = self._equivariance_gap(errors)
        labels = {
            "shift": cell.shift.name,
            "arm": cell.shift.arm,
            "knob": float(cell.shift.knobs[cell.severity]),
            "displacement": windows.displacement,
        }
        return [CellResult(labels | metrics, errors.window_errors)]

    def _matching_clean_errors(self, windows: ShiftedWindows) -> np.ndarray:
        """Return the clean errors of the windows that hold the same data."""
        if len(windows.past) == 1:
            return self.clean_errors.window_errors
        return self.clean_errors.window_errors[windows.clean_indices]

    def _compute_errors(self, windows: ShiftedWindows) -> CellErrors:
        forecast = forecast_windows(self.model, windows.past)
        if not np.isfinite(forecast).all():
            bad = int((~np.isfinite(forecast)).any(axis=(1, 2)).sum())
            raise InputError(f"{bad} of {len(forecast)} forecasts contain NaN or infinity.")
        raw = forecast - windows.targets
        # Without an inverse, or with a clean truth, the raw error is the error already.
        restored, error = forecast, raw
        if windows.restore is not None and windows.has_shifted_targets:
            restored = windows.restore(forecast)
            error = restored - clean_targets(self.dataset, windows.starts)
        used = self.dataset.has_scale
        # Channels without a scale are left out and counted: a clipped one would dominate the mean.
        if not used.any():
            raise InputError("no channel has a naive training error above 0, so there is no MASE.")
        mase = self.dataset.scale_errors(error)
        square = np.sqrt(horizon_mean(np.square(error)))[:, used] / self.dataset.naive_rmse[used]
        # With a single window the channels are the replicates.
        by_window = mase[0] if len(mase) == 1 else observed_mean(mase, axis=1)
        by_window = by_window.astype(np.float32)
        metrics = {
            "mase_pb": float(observed_mean(by_window.astype(np.float64))),
            "mase_pb_median": float(np.median(observed_mean(mase, axis=0))),
            "rmsse_pb": float(observed_mean(square)),
            "mse_raw": float(observed_mean(np.square(raw))),
            "mae_raw": float(observed_mean(np.abs(raw))),
            "n_excl_channels": int((~used).sum()),
        }
        return CellErrors(mase, by_window, metrics, restored)

    def _cell_metrics(
        self, errors: CellErrors, clean_errors: np.ndarray, oracle: float
    ) -> dict[str, Any]:
        valid = np.isfinite(errors.window_errors) & np.isfinite(clean_errors)
        pairs = (
            errors.window_errors[valid].astype(np.float64),
            clean_errors[valid].astype(np.float64),
        )
        # The seed depends on the data set only, so that all models resample the same windows.
        seed = int(hashlib.sha256(self.dataset.name.encode()).hexdigest()[:8], 16)
        log_ratio, low, high = log_ratio_interval(*pairs, self.block_length, self.resamples, seed)
        return {
            "n_windows": len(errors.window_errors),
            **errors.metrics,
            "eg": float("nan"),
            "cvar10": tail_mean(errors.window_errors),
            "e0_ref": float(observed_mean(clean_errors.astype(np.float64))),
            "r_log": log_ratio,
            "ci_lo": low,
            "ci_hi": high,
            "block_len": self.block_length,
            "oracle": oracle,
            "regret": errors.metrics["mase_pb"] - oracle,
        }

    def _equivariance_gap(self, errors: CellErrors) -> float:
        """Return mean |f(Tx) - T f(x)| / (a q), computed between the pulled-back forecasts."""
        gap = errors.restored_forecasts - self.clean_errors.restored_forecasts
        return float(self.dataset.scale_errors(gap).mean())

    def _measure_deciles(self) -> list[CellResult]:
        """Return the clean error by deciles of the windows' distance from the training rows."""
        past = clean_windows(self.dataset, self.stride).past.double().numpy()
        level = observed_mean(np.abs(observed_mean(past, axis=1)), axis=1)
        spread = np.sqrt(observed_mean(np.square(past - observed_mean(past, 1)[:, None]), axis=1))
        scale = observed_mean(np.log(np.maximum(spread, MIN_SCALE)), axis=1)
        rows: list[CellResult] = []
        for name, measure in (("level_decile", level), ("scale_decile", scale)):
            # Deciles of equal counts, so that each has windows however skewed the distances are.
            order = np.argsort(measure, kind="stable")
            for decile, members in enumerate(np.array_split(order, min(10, len(order)))):
                windows = self.clean_errors.window_errors[np.sort(members)]
                row = {
                    "shift": name,
                    "arm": "",
                    "severity": decile,
                    "knob": float(np.median(measure[members])),
                    "displacement": float(np.median(measure[members])),
                    "n_windows": len(members),
                    "mase_pb": float(observed_mean(windows.astype(np.float64))),
                    "cvar10": tail_mean(windows),
                    "e0_ref": self.clean_errors.metrics["mase_pb"],
                    "n_excl_channels": self.clean_errors.metrics["n_excl_channels"],
                }
                rows.append(CellResult(row, windows))
        return rows


def tail_mean(errors: np.ndarray) -> float:
    """Return the mean of the worst tenth of the errors, at least one (CVaR)."""
    count = max(1, round(TAIL_SHARE * len(errors)))
    return float(np.sort(errors)[-count:].mean(dtype=np.float64))
