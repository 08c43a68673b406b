"""Measure a trained model in one cell: errors pulled back into the clean world."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from revin_forecast.errors import InputError
from revin_forecast.shift.cells import Cell
from revin_forecast.shift.means import horizon_mean, observed_mean
from revin_forecast.shift.oracle import oracle_error
from revin_forecast.shift.statistics import log_ratio_interval
from revin_forecast.shift.windows import (
    ShiftedWindows,
    clean_truth,
    clean_windows,
    forecasts,
    shifted_windows,
)
from revin_forecast.shift.world import SMALLEST_SCALE, World

WORST = 0.1
"""Part of the windows whose mean error is the conditional value at risk."""


@dataclass(frozen=True, eq=False)
class Errors:
    """A model's errors over the windows of a cell."""

    mase: np.ndarray
    """(windows, channels) mean |e| over the horizon in units of the naive training error."""
    windows: np.ndarray
    """(windows,) float32: its mean over the channels."""
    facts: dict[str, float]
    """The other figures of the cell."""
    restored: np.ndarray
    """(windows, horizon, channels): the forecasts, pulled back where that can be."""


@dataclass(frozen=True, eq=False)
class CellResult:
    """One measured row, with the error of each window."""

    facts: dict[str, Any]
    windows: np.ndarray
    """(windows,) float32."""


class Evaluator:
    """Measures one model on one data set, cell by cell, against its own clean forecasts.

    Args:
        model: in evaluation mode.
        world: the data.
        stride: steps between windows.
        resamples: of the block bootstrap.
        dtype: of the look-backs that the model gets.
    """

    def __init__(
        self,
        model: nn.Module,
        world: World,
        stride: int,
        resamples: int,
        dtype: torch.dtype = torch.float32,
    ):
        self.model, self.world, self.stride = model, world, stride
        self.resamples, self.dtype = resamples, dtype
        self.block = -(-max(world.width, world.season) // stride)
        windows = clean_windows(world, stride, dtype)
        self.clean = self._errors(windows)
        if len(windows.past) == 1:
            self.block = 1

    def measure(self, cell: Cell) -> list[CellResult]:
        """Return the rows of a cell: one, or one for each decile of natural shift.

        Raises:
            InputError: forecasts that are no numbers, or no window.
        """
        if cell.placement == "natural":
            return self._deciles()
        if cell.shift is None:
            clean = self.clean.windows
            oracle = oracle_error(self.world, None, self.stride)
            facts = self._row(self.clean, clean, oracle) | {"displacement": 0.0}
            return [CellResult({"shift": "none", "arm": "", "knob": 0.0, **facts}, clean)]
        windows = shifted_windows(self.world, cell, self.stride, self.dtype)
        if not len(windows.past):
            raise InputError("no window is left: the shift needs more data than there are.")
        errors = self._errors(windows)
        reference = self._reference(windows)
        oracle = oracle_error(self.world, cell, self.stride)
        facts = self._row(errors, reference, oracle)
        if cell.shift.equivariant and cell.placement == "steady":
            facts["eg"] = self._equivariance_gap(errors)
        told = {
            "shift": cell.shift.name,
            "arm": cell.shift.arm,
            "knob": float(cell.shift.knobs[cell.severity]),
            "displacement": windows.displacement,
        }
        return [CellResult(told | facts, errors.windows)]

    def _reference(self, windows: ShiftedWindows) -> np.ndarray:
        """Return the clean errors of the same data."""
        if len(windows.past) == 1:
            return self.clean.windows
        return self.clean.windows[windows.partner]

    def _errors(self, windows: ShiftedWindows) -> Errors:
        forecast = forecasts(self.model, windows.past)
        if not np.isfinite(forecast).all():
            bad = int((~np.isfinite(forecast)).any(axis=(1, 2)).sum())
            raise InputError(f"{bad} of {len(forecast)} forecasts hold NaN or infinity.")
        raw = forecast - windows.truth
        restored, error = forecast, raw
        if windows.restore is not None and windows.moves_truth:
            restored = windows.restore(forecast)
            error = restored - clean_truth(self.world, windows.starts)
        used = self.world.usable
        if not used.any():
            raise InputError("no channel has a naive training error to measure by.")
        mase = horizon_mean(np.abs(error))[:, used] / self.world.naive_scale[used]
        square = np.sqrt(horizon_mean(np.square(error)))[:, used] / self.world.naive_root[used]
        # A single window stands for as many replicates as it has channels.
        by_window = mase[0] if len(mase) == 1 else observed_mean(mase, axis=1)
        by_window = by_window.astype(np.float32)
        facts = {
            "mase_pb": float(observed_mean(by_window.astype(np.float64))),
            "mase_pb_median": float(np.median(observed_mean(mase, axis=0))),
            "rmsse_pb": float(observed_mean(square)),
            "mse_raw": float(observed_mean(np.square(raw))),
            "mae_raw": float(observed_mean(np.abs(raw))),
            "n_excl_channels": int((~used).sum()),
        }
        return Errors(mase, by_window, facts, restored)

    def _row(self, errors: Errors, reference: np.ndarray, oracle: float) -> dict[str, Any]:
        seen = np.isfinite(errors.windows) & np.isfinite(reference)
        pairs = errors.windows[seen].astype(np.float64), reference[seen].astype(np.float64)
        seed = int(hashlib.sha256(self.world.name.encode()).hexdigest()[:8], 16)
        log_ratio, low, high = log_ratio_interval(*pairs, self.block, self.resamples, seed)
        return {
            "n_windows": len(errors.windows),
            **errors.facts,
            "eg": float("nan"),
            "cvar10": worst_mean(errors.windows),
            "e0_ref": float(observed_mean(reference.astype(np.float64))),
            "r_log": log_ratio,
            "ci_lo": low,
            "ci_hi": high,
            "block_len": self.block,
            "oracle": oracle,
            "regret": errors.facts["mase_pb"] - oracle,
        }

    def _equivariance_gap(self, errors: Errors) -> float:
        """Return mean |f(Tx) - T f(x)| / (a q): both forecasts pulled back, then compared."""
        used = self.world.usable
        gap = horizon_mean(np.abs(errors.restored - self.clean.restored))
        return float((gap[:, used] / self.world.naive_scale[used]).mean())

    def _deciles(self) -> list[CellResult]:
        """Return the clean error by deciles of how far each window lies from training."""
        past = clean_windows(self.world, self.stride).past.double().numpy()
        level = observed_mean(np.abs(observed_mean(past, axis=1)), axis=1)
        spread = np.sqrt(observed_mean(np.square(past - observed_mean(past, 1)[:, None]), axis=1))
        scale = observed_mean(np.log(np.maximum(spread, SMALLEST_SCALE)), axis=1)
        rows: list[CellResult] = []
        for name, measure in (("level_decile", level), ("scale_decile", scale)):
            order = np.argsort(measure, kind="stable")
            for decile, chosen in enumerate(np.array_split(order, min(10, len(order)))):
                windows = self.clean.windows[np.sort(chosen)]
                facts = {
                    "shift": name,
                    "arm": "",
                    "severity": decile,
                    "knob": float(np.median(measure[chosen])),
                    "displacement": float(np.median(measure[chosen])),
                    "n_windows": len(chosen),
                    "mase_pb": float(observed_mean(windows.astype(np.float64))),
                    "cvar10": worst_mean(windows),
                    "e0_ref": self.clean.facts["mase_pb"],
                    "n_excl_channels": self.clean.facts["n_excl_channels"],
                }
                rows.append(CellResult(facts, windows))
        return rows


def worst_mean(errors: np.ndarray) -> float:
    """Return the mean of the worst tenth of the errors, one at least (CVaR)."""
    count = max(1, round(WORST * len(errors)))
    return float(np.sort(errors)[-count:].mean(dtype=np.float64))
