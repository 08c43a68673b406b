from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from revin_forecast.data.covariates import KnownColumns
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.models.intervals import ConformalIntervals
from revin_forecast.models.quantiles import predict_quantiles
from revin_forecast.models.reversible import Reversible, select_targets
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.utils.memory import retain_freed_memory

MAX_BATCH_VALUES = 2**20
"""Numbers of look-back windows that a model gets at once: 4 MiB, which stay in the caches."""


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A fitted model with all that a forecast in the table's units needs."""

    config: ModelConfig
    """What was fitted, and how."""
    model: Reversible
    """In evaluation mode."""
    standardizer: Standardizer
    history: Series
    """The last `lookback` rows it was fitted on."""
    summary: dict[str, Any]
    """What it was fitted on, and what the fit reports."""
    known_columns: KnownColumns | None = None
    """The table's own known inputs, if it was fitted with any."""
    intervals: ConformalIntervals | None = None
    """Conformal ones; None: the model was trained on quantiles, or had no rows to calibrate on."""

    @property
    def targets(self) -> list[int]:
        """The numbers of the channels that are forecast."""
        targets = self.model.normalizer.targets
        return list(range(len(self.history.names)) if targets is None else targets)

    @torch.inference_mode()
    def forecast(self, past: Tensor, known: Tensor | None = None) -> Tensor:
        """Forecast windows in standardized units, in blocks that bound the memory.

        Args:
            past: (batch, lookback, channels), NaN where unobserved.
            known: (batch, lookback + horizon, covariates), for a model that takes known inputs.

        Returns:
            (batch, horizon, targets).
        """
        retain_freed_memory()
        size = max(1, MAX_BATCH_VALUES // max(1, past[:1].numel()))
        parts = [
            self.model(past[start : start + size], known=_slice_known(known, start, size))
            for start in range(0, len(past), size)
        ]
        return torch.cat(parts)

    @torch.inference_mode()
    def quantiles(
        self, past: Tensor, levels: Sequence[float], known: Tensor | None = None
    ) -> Tensor:
        """Return quantiles of the forecast in standardized units.

        From the model itself if it was trained on quantiles, else the forecast with conformal
        intervals around it.

        Args:
            past: (batch, lookback, channels), NaN where unobserved.
            levels: between 0 and 1.
            known: (batch, lookback + horizon, covariates), for a model that takes known inputs.

        Returns:
            (batch, horizon, targets, levels), ascending with the levels.

        Raises:
            InputError: the model has no intervals, or can't give these levels.
        """
        if self.model.levels:
            size = max(1, MAX_BATCH_VALUES // max(1, past[:1].numel()))
            parts = [
                predict_quantiles(
                    self.model, past[start : start + size], levels, _slice_known(known, start, size)
                )
                for start in range(0, len(past), size)
            ]
            return torch.cat([part for part in parts if part is not None])
        if self.intervals is None:
            raise InputError(
                "this model has no intervals: among the last rows that it was fitted on too few "
                "values were observed to calibrate them. Fit with more rows, or leave --level out."
            )
        forecast = self.forecast(past, known)
        return self.intervals.quantiles(forecast, select_targets(self.model, past), levels)


def _slice_known(known: Tensor | None, start: int, size: int) -> Tensor | None:
    return None if known is None else known[start : start + size]
