"""Rolling validation windows, and the scale of errors on them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from revin_forecast.data.windows import hide_lookahead_fill
from revin_forecast.metrics.seasonal_scale import naive_scale
from revin_forecast.utils.shapes import Future, Past

MAX_FORECAST_VALUES = 2**21
"""Most values in one candidate's forecast: 8 MiB in float32."""
MIN_ORIGINS, MAX_ORIGINS = 8, 200
"""Bounds on the number of origins, between which `MAX_FORECAST_VALUES` decides."""
MIN_SCALE = 1e-9
"""Scale below which a channel counts as constant: standardizing leaves such changes behind."""


@dataclass(frozen=True, eq=False)
class ValidationWindows:
    """Rolling windows that candidates are scored on; no model is fitted on their targets."""

    past: Past
    """(windows, longest look-back, channels) float32, NaN where unobserved."""
    truth: Future
    """(windows, horizon, channels), NaN where unobserved."""
    scale: Tensor
    """(channels,): divisor of a channel's errors; infinite for channels that do not count."""
    origins: np.ndarray
    """(windows,) rows of the table before each forecast."""
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
            train: number of training rows, counted from the first.
            lookback: the longest look-back, at most `train`.
            horizon: steps to forecast.
            season: steps of the seasonal naive forecast, whose mean error in training is the scale
                (MASE; Hyndman & Koehler, 2006).
            filled: (time, channels) True where a gap was interpolated.
        """
        channels = values.shape[1]
        span = len(values) - horizon - train
        count = min(
            span + 1,
            int(np.clip(MAX_FORECAST_VALUES // (horizon * channels), MIN_ORIGINS, MAX_ORIGINS)),
        )
        # A stride of whole seasons would put all origins into the same phase of the season.
        if season > 1 and round(span / max(1, count - 1)) % season == 0:
            count -= count // 10
        origins = train + np.linspace(0, span, count).round().astype(int)
        past, truth = _cut_windows(values, origins, lookback, horizon)
        if filled is not None:
            # An interpolated value knows the value after the gap, which a forecast must not see.
            is_filled = torch.cat(_cut_windows(filled, origins, lookback, horizon), 1)
            past, truth = hide_lookahead_fill(past, truth, is_filled)
            values = np.where(filled, np.nan, values)
        scale = naive_scale(torch.from_numpy(values[:train]), season, MIN_SCALE)
        return cls(
            past.float(),
            truth.float(),
            scale.nan_to_num(torch.inf).float(),
            origins,
            max(1.0, span / max(1, count - 1)),
        )

    @property
    def separate_count(self) -> float:
        """Number of windows that fit between the first and the last without overlap."""
        return float(self.origins[-1] - self.origins[0]) / self.truth.shape[1] + 1

    def restrict_to_targets(self, targets: Sequence[int] | None) -> "ValidationWindows":
        """Return the windows with only the targets' errors counted; None: those of all channels."""
        if targets is None:
            return self
        scale = torch.full_like(self.scale, torch.inf)
        scale[list(targets)] = self.scale[list(targets)]
        return replace(self, scale=scale)

    @torch.inference_mode()
    def forecast(self, model: nn.Module, lookback: int) -> Future:
        """Return a model's forecast, (windows, horizon, channels), from its own look-back."""
        return model(self.past[:, -lookback:])

    def mase(self, errors: Sequence[float] | Tensor) -> float:
        """Return the mean scaled error over the channels that count; 0 without such a channel."""
        counts = self.scale.isfinite()
        scaled = torch.as_tensor(errors)[counts] / self.scale[counts]
        return float(scaled.mean()) if len(scaled) else 0.0


def _cut_windows(
    rows: np.ndarray, origins: np.ndarray, lookback: int, horizon: int
) -> tuple[Tensor, Tensor]:
    """Return the `lookback` rows before each origin, and the `horizon` rows from it on."""
    past = np.stack([rows[origin - lookback : origin] for origin in origins])
    ahead = np.stack([rows[origin : origin + horizon] for origin in origins])
    return torch.from_numpy(past), torch.from_numpy(ahead)
