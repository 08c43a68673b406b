"""Measure a trained model in one cell, with errors pulled back to the clean data."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.shift.dataset import MIN_SCALE, ShiftDataset, observed_mean
from revin_forecast.shift.measuring.calibration import (
    MAX_WINDOWS,
    MIN_WINDOWS,
    UNKNOWN_RADII,
    Calibration,
    best_factors,
    conformal_radii,
)
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.measuring.cell_errors import CellErrors, compute_errors
from revin_forecast.shift.measuring.interval_scores import QUANTILE_LEVELS
from revin_forecast.shift.measuring.online import OnlineLearner, Stream
from revin_forecast.shift.measuring.oracle import oracle_error
from revin_forecast.shift.measuring.windows import (
    ShiftedWindows,
    clean_windows,
    forecast_quantiles,
    forecast_windows,
    shifted_windows,
    validation_windows,
)
from revin_forecast.shift.statistics import log_ratio_interval

TAIL_SHARE = 0.1
"""Share of the windows in the tail whose mean error is the conditional value at risk."""


@dataclass(frozen=True, eq=False)
class CellResult:
    """One row of the table of cells, with the error of each window."""

    row: dict[str, Any]
    window_errors: np.ndarray
    """(windows,) float32."""
    blocks: dict[str, np.ndarray] = field(default_factory=dict)
    """As in `CellErrors`."""


class Evaluator:
    """Measures a model on one data set, cell by cell, against its own clean forecasts.

    Args:
        model: the model, in evaluation mode.
        dataset: the data.
        stride: steps between windows.
        resamples: draws of the block bootstrap.
        dtype: dtype of the look-backs that the model receives.
        learner: way to go on learning in the test part; None: the model stays as it is.
    """

    def __init__(
        self,
        model: nn.Module,
        dataset: ShiftDataset,
        stride: int,
        resamples: int,
        dtype: torch.dtype = torch.float32,
        learner: OnlineLearner | None = None,
    ):
        self.model, self.dataset, self.stride = model, dataset, stride
        self.resamples, self.dtype, self.learner = resamples, dtype, learner
        # A block spans a window or a season, whichever is longer, as overlapping windows have
        # correlated errors.
        self.block_length = -(-max(dataset.width, dataset.season) // stride)
        # Channels without a scale are left out and counted: a clipped one would dominate the mean.
        if not dataset.has_scale.any():
            raise InputError("no channel has a naive training error above 0, so there is no MASE.")
        windows = clean_windows(dataset, stride, dtype)
        radii = self._calibrate_radii(len(windows.past))
        forecasts, quantiles = self._forecast(windows)
        factors = best_factors(forecasts, windows.targets)
        self.calibration = Calibration(radii, factors, self.block_length)
        self.clean_errors = compute_errors(dataset, self.calibration, windows, forecasts, quantiles)
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
            labels = {"shift": "none", "arm": "", "knob": 0.0}
            return [CellResult(labels | metrics, clean, self.clean_errors.blocks)]
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
        return [CellResult(labels | metrics, errors.window_errors, errors.blocks)]

    def _matching_clean_errors(self, windows: ShiftedWindows) -> np.ndarray:
        """Return the clean errors of the windows that hold the same data."""
        if len(windows.past) == 1:
            return self.clean_errors.window_errors
        return self.clean_errors.window_errors[windows.clean_indices]

    def _compute_errors(self, windows: ShiftedWindows) -> CellErrors:
        forecasts, quantiles = self._forecast(windows)
        return compute_errors(self.dataset, self.calibration, windows, forecasts, quantiles)

    def _calibrate_radii(self, test_windows: int) -> np.ndarray:
        """Return the half widths of intervals from the clean validation windows."""
        # No more than there are to score: the forecasts of some models take long.
        most = min(MAX_WINDOWS, max(MIN_WINDOWS, test_windows))
        windows = validation_windows(self.dataset, most, self.dtype)
        if windows is None:
            return UNKNOWN_RADII
        forecasts, _ = self._forecast(windows)
        return conformal_radii(forecasts, windows.targets)

    def _forecast(self, windows: ShiftedWindows) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the forecasts, and the quantiles of a model that has `QUANTILE_LEVELS`."""
        quantiles = None
        if self.learner is not None and windows.readings is not None:
            before = self.dataset.values[: self.dataset.start]
            readings = np.concatenate([before, windows.readings])
            stream = Stream(readings, windows.starts, windows.past, self.dataset.horizon)
            assert isinstance(self.model, Reversible)
            forecasts = self.learner.forecast(self.model, stream)
        elif (quantiles := forecast_quantiles(self.model, windows.past, QUANTILE_LEVELS)) is None:
            forecasts = forecast_windows(self.model, windows.past)
        else:
            forecasts = quantiles[..., QUANTILE_LEVELS.index(0.5)]
        if not np.isfinite(forecasts.sum()):
            bad = int((~np.isfinite(forecasts)).any(axis=(1, 2)).sum())
            raise InputError(f"{bad} of {len(forecasts)} forecasts contain NaN or infinity.")
        return forecasts, quantiles

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
        # The truth is the same, so the gap of the forecasts is that of the errors.
        gap = errors.errors - self.clean_errors.errors
        return float(observed_mean(self.dataset.scale_errors(gap)))

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
