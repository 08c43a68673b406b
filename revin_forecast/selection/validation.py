from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from revin_forecast.data.reading.gaps import hide_lookahead_fill

MAX_FORECAST_VALUES = 2**21
"""Forecast values of one candidate, at most: 8 MiB."""
MIN_ORIGINS, MAX_ORIGINS = 8, 200
"""Origins, as the values allow."""


MIN_SCALE = 1e-9
"""Changes that standardizing a constant leaves behind."""


@dataclass(frozen=True, eq=False)
class ValidationWindows:
    """Rolling windows that candidates are judged on; none was fitted on their targets."""

    past: Tensor
    """(windows, longest look-back, channels) float32, NaN where unobserved."""
    truth: Tensor
    """(windows, horizon, channels)."""
    scale: Tensor
    """(channels,): what a channel's errors are divided by; infinite where there is no scale."""
    stride: float
    """Steps from one origin to the next."""

    @classmethod
    def from_values(
        cls,
        values: np.ndarray,
        train: int,
        lookback: int,
        horizon: int,
        season: int,
        filled: np.ndarray | None = None,
    ) -> "ValidationWindows":
        """Cut windows with evenly spaced origins out of the rows after training.

        Args:
            values: (time, channels) standardized, NaN where unobserved.
            train: rows of training, from the first.
            lookback: the longest, at most `train`.
            horizon: steps to forecast.
            season: of the naive forecast whose mean error in training is the scale (MASE; Hyndman &
                Koehler, 2006).
            filled: (time, channels) True where a gap was interpolated.
        """
        channels = values.shape[1]
        span = len(values) - horizon - train
        wanted = min(
            span + 1,
            int(np.clip(MAX_FORECAST_VALUES // (horizon * channels), MIN_ORIGINS, MAX_ORIGINS)),
        )
        if season > 1 and round(span / max(1, wanted - 1)) % season == 0:
            wanted -= wanted // 10  # not all at the same place of the season
        origins = train + np.linspace(0, span, wanted).round().astype(int)
        past, truth = _cut_windows(values, origins, lookback, horizon)
        if filled is not None:
            values = np.where(filled, np.nan, values)
            known = torch.cat(_cut_windows(filled, origins, lookback, horizon), 1)
            past, truth = hide_lookahead_fill(past, truth, known)
        scale = seasonal_error(values[:train], season)
        return cls(
            past.float(),
            truth.float(),
            torch.from_numpy(scale.astype(np.float32)),
            max(1.0, span / max(1, wanted - 1)),
        )

    def restrict_to_targets(self, targets: Sequence[int] | None) -> "ValidationWindows":
        """Let the errors of some channels count; None: of all."""
        if targets is None:
            return self
        scale = torch.full_like(self.scale, torch.inf)
        scale[list(targets)] = self.scale[list(targets)]
        return replace(self, scale=scale)

    @torch.inference_mode()
    def forecast(self, model: nn.Module, lookback: int) -> Tensor:
        """Return (windows, horizon, channels) of a model that looks back so far."""
        return model(self.past[:, -lookback:])

    def mase(self, errors: Sequence[float] | Tensor) -> float:
        """Return the mean scaled error over the channels that have a scale."""
        counted = self.scale.isfinite()
        scaled = torch.as_tensor(errors)[counted] / self.scale[counted]
        return float(scaled.mean()) if len(scaled) else 0.0


def _cut_windows(
    rows: np.ndarray, origins: np.ndarray, lookback: int, horizon: int
) -> tuple[Tensor, Tensor]:
    """Return what lies before each origin, and from it on."""
    past = np.stack([rows[origin - lookback : origin] for origin in origins])
    ahead = np.stack([rows[origin : origin + horizon] for origin in origins])
    return torch.from_numpy(past), torch.from_numpy(ahead)


def seasonal_error(values: np.ndarray, season: int) -> np.ndarray:
    """Return each channel's mean |x_t - x_{t - season}|; infinite where there is no scale.

    A channel that repeats its season exactly, or is too short for it, has that of the last value;
    one that never changes has none.
    """
    scale = np.zeros(values.shape[1])
    for lag in (season, 1):
        if lag < len(values):
            change = np.abs(values[lag:] - values[:-lag])
            seen = np.isfinite(change)
            mean = np.where(seen, change, 0).sum(0) / np.maximum(seen.sum(0), 1)
            scale = np.where(scale > MIN_SCALE, scale, mean)
    return np.where(scale > MIN_SCALE, scale, np.inf)
