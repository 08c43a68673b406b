"""A fitted model: everything needed to forecast in the table's units."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from revin_forecast.backbones import ETS, Pretrained
from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.data.covariates import KnownColumns
from revin_forecast.data.reading.rows.frequency import default_season
from revin_forecast.data.reading.values.hide_outliers import SeenValues
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series
from revin_forecast.data.value_range import ValueRange
from revin_forecast.errors import InputError
from revin_forecast.forecasting.update_state import UpdateState
from revin_forecast.models.ensemble import WeightedCombination
from revin_forecast.models.intervals import Intervals
from revin_forecast.models.known_effects import KnownEffects
from revin_forecast.models.quantiles import predict_quantiles
from revin_forecast.models.reversible import Reversible, select_targets
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.utils.memory import retain_freed_memory
from revin_forecast.utils.shapes import Future, Known, Past

MAX_BATCH_VALUES = 2**20
"""Most look-back values the model receives at once: 4 MiB in float32, which fit in the caches."""


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A fitted model with everything needed to forecast in the table's units."""

    config: ModelConfig
    """Components, sizes and training settings of the model."""
    model: Reversible
    """The model, in evaluation mode."""
    standardizer: Standardizer
    """Mean and scale of each channel."""
    history: Series
    """The last `lookback` rows the model was fitted on."""
    summary: dict[str, Any]
    """Description of the data and the report of the fit, as plain JSON values."""
    known_columns: KnownColumns | None = None
    """The table's own known inputs, if the model was fitted with any."""
    intervals: Intervals | None = None
    """Intervals around the point forecast; None: the model forecasts quantiles."""
    value_range: ValueRange | None = None
    """The values that forecasts may take; None in models of earlier versions."""
    naive_scale: np.ndarray | None = None
    """(targets,) unit of MASE in the table's units, from the rows fitted on; NaN for a series
    without one. None in models of earlier versions."""
    update_state: UpdateState | None = None
    """Rows or sums for `update`; None: the model can't be updated."""

    @property
    def targets(self) -> list[int]:
        """Indices of the channels that are forecast."""
        targets = self.model.normalizer.targets
        return list(range(len(self.history.names)) if targets is None else targets)

    @property
    def takes_whole_history(self) -> bool:
        """Whether the model reads all rows it was fitted on, however many these are."""
        is_pretrained = isinstance(unwrap(self.model.backbone), Pretrained)
        return is_pretrained or self._has_member(ETS, Pretrained)

    @property
    def smooths_whole_history(self) -> bool:
        """Whether a member of the automatic choice smooths all rows, one after the other."""
        return self._has_member(ETS)

    def _has_member(self, *kinds: type) -> bool:
        members = getattr(self.find_combination(), "members", ())
        return any(isinstance(member.backbone, kinds) for member in members)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the windows that the model needs.

        It is float64 if the model measures amounts from zero, or if the recent rows are so far from
        the mean of all rows that float32 would lose their digits.
        """
        is_double = self._measures_amounts or bool(np.isfinite(self.fine_scale).any())
        return torch.float64 if is_double else torch.float32

    @cached_property
    def fine_scale(self) -> np.ndarray:
        """(channels,) deviations that float32 does not resolve; NaN elsewhere."""
        return self.standardizer.measure_fine_scale(self.history.values)

    @property
    def _measures_amounts(self) -> bool:
        """Whether a member of the automatic choice measures amounts from zero."""
        combination = self.find_combination()
        return combination is not None and combination.wants_double

    @cached_property
    def _double_model(self) -> Reversible:
        """The model with all parameters in float64."""
        return copy.deepcopy(self.model).double()

    def get_model(self, dtype: torch.dtype) -> Reversible:
        """Return the model for windows of a type."""
        has_fine_scale = bool(np.isfinite(self.fine_scale).any())
        if dtype == torch.float64 and (has_fine_scale or not self._measures_amounts):
            return self._double_model
        return self.model

    @property
    def seen_values(self) -> SeenValues:
        """The last rows fitted on, and three deviations around the mean of all rows."""
        mean, scale = self.standardizer.mean, self.standardizer.scale
        values = self.history.values
        # The scale of a constant channel is 1, whatever its size.
        spread = np.where(scale == 1, 0, 3 * scale)
        return SeenValues(self.history.names, np.vstack([values, mean - spread, mean + spread]))

    def find_combination(self) -> WeightedCombination | None:
        """Return the combination of the automatic choice; None for another model."""
        backbone = unwrap(self.model.backbone)
        backbone = backbone.inner if isinstance(backbone, KnownEffects) else backbone
        return backbone if isinstance(backbone, WeightedCombination) else None

    @torch.inference_mode()
    def forecast(self, past: Past, known: Known | None = None) -> Future:
        """Forecast windows in standardized units, within the range of values.

        Batches bound the memory.

        Args:
            past: (batch, lookback, channels), NaN where unobserved.
            known: (batch, lookback + horizon, covariates), for a model that takes known inputs.

        Returns:
            (batch, horizon, targets).
        """
        return self._restrict(self._forecast_points(past, known))

    def _forecast_points(self, past: Past, known: Known | None) -> Future:
        """Return the forecast before the range of values is applied."""
        retain_freed_memory()
        batch_size, model = _batch_size(past), self.get_model(past.dtype)
        return torch.cat(
            [
                model(
                    past[start : start + batch_size], known=_slice_known(known, start, batch_size)
                )
                for start in range(0, len(past), batch_size)
            ]
        )

    @torch.inference_mode()
    def forecast_with_quantiles(
        self, past: Past, levels: Sequence[float], known: Known | None = None
    ) -> tuple[Future, Tensor | None]:
        """Return the results of `forecast` and `quantiles`; None for no levels.

        Intervals are around the point forecast, which is computed once for both; the point forecast
        of a model of quantiles is their median.
        """
        if levels and self.model.levels:
            everything = self.compute_raw_quantiles(past, [0.5, *levels], known)
            points, quantiles = everything[..., 0], everything[..., 1:]
            return self._restrict(points), self._restrict_quantiles(quantiles, levels, points)
        points = self._forecast_points(past, known)
        quantiles = self.quantiles(past, levels, known, points) if levels else None
        return self._restrict(points), quantiles

    @torch.inference_mode()
    def quantiles(
        self,
        past: Past,
        levels: Sequence[float],
        known: Known | None = None,
        points: Tensor | None = None,
    ) -> Future:
        """Return quantiles of the forecast in standardized units.

        A model trained on quantiles forecasts them itself; for any other model they are
        those of its intervals, around the point forecast.

        Args:
            past: (batch, lookback, channels), NaN where unobserved.
            levels: quantile levels between 0 and 1.
            known: (batch, lookback + horizon, covariates), for a model that takes known inputs.
            points: the forecast before the range of values is applied; None: compute it.

        Returns:
            (batch, horizon, targets, levels), ascending with the level.

        Raises:
            InputError: the model has no intervals, or not at these levels.
        """
        points = self._forecast_points(past, known) if points is None else points
        quantiles = self.compute_raw_quantiles(past, levels, known, points)
        return self._restrict_quantiles(quantiles, levels, points)

    @torch.inference_mode()
    def compute_raw_quantiles(
        self,
        past: Past,
        levels: Sequence[float],
        known: Known | None = None,
        points: Tensor | None = None,
    ) -> Future:
        """Return `quantiles` before the range of values is applied."""
        if self.model.levels:
            batch_size = _batch_size(past)
            retain_freed_memory()
            parts = [
                predict_quantiles(
                    self.get_model(past.dtype),
                    past[start : start + batch_size],
                    levels,
                    _slice_known(known, start, batch_size),
                )
                for start in range(0, len(past), batch_size)
            ]
            return torch.cat([part for part in parts if part is not None])
        if self.intervals is None:
            raise InputError(
                "this model has no intervals: among the last rows that it was fitted on too few "
                "values were observed to calibrate them. Fit with more rows, or leave --level out."
            )
        points = self._forecast_points(past, known) if points is None else points
        return self.intervals.quantiles(points, select_targets(self.model, past), levels)

    def to_table_units(
        self, forecast: np.ndarray, level: float | None = None, point: np.ndarray | None = None
    ) -> np.ndarray:
        """Return a standardized forecast in the table's units and within the range of values.

        Args:
            forecast: (time, targets) or (windows, time, targets), standardized.
            level: quantile level; None: the point forecast.
            point: point forecast of a quantile, in the table's units.
        """
        standardizer = self.standardizer.select(self.targets)
        values = standardizer.inverse_transform(forecast)
        # A standardized float32 forecast has seven digits: further ones would be noise. The digits
        # of a window depend on its own size only, so windows are rounded as further channels.
        columns = np.moveaxis(values, -2, 0)
        repeat = columns[0].size // len(self.targets)
        parts = (standardizer.mean, standardizer.scale)
        tiled = Standardizer(*(np.tile(part, repeat) for part in parts))
        fine_scale = np.tile(self.fine_scale[self.targets], repeat)
        rounded = tiled.round_to_float32(columns.reshape(len(columns), -1), fine_scale)
        values = np.moveaxis(rounded.reshape(columns.shape), 0, -2)
        if self.value_range is None:
            return values
        return self.value_range.restrict(values, level, point)

    def _restrict_quantiles(
        self, quantiles: Future, levels: Sequence[float], point: Tensor
    ) -> Future:
        """Return (batch, horizon, targets, levels) within the range of values."""
        parts = zip(quantiles.unbind(-1), levels, strict=True)
        return torch.stack([self._restrict(part, level, point) for part, level in parts], dim=-1)

    def _restrict(
        self, forecast: Future, level: float | None = None, point: Tensor | None = None
    ) -> Future:
        """Return a standardized forecast (batch, horizon, targets) within the range of values.

        `level` and `point` are those of `ValueRange.restrict`.
        """
        if self.value_range is None:
            return forecast
        scale = self.standardizer.select(self.targets)
        values = scale.inverse_transform(forecast.numpy())  # float32, maybe 5e-8 in place of 0
        centre = None if point is None else scale.inverse_transform(point.numpy())
        snapped = self.value_range.snap(values, scale.scale, self.fine_scale[self.targets])
        # The mean itself has no rounding: a constant series of 1e-9 has the scale 1, and is not 0.
        snapped = np.where(forecast.numpy() == 0, values, snapped)
        restricted = self.value_range.restrict(snapped, level, centre)
        # Standardized as the truth is, so that equal values stay equal. Others keep their digits.
        standardized = torch.from_numpy(scale.transform(restricted)).to(forecast.dtype)
        return torch.where(torch.from_numpy(restricted != values), standardized, forecast)


def find_model_season(fitted: FittedModel) -> int:
    """Return the season that a model was selected with, or the default season of its frequency."""
    found = fitted.summary.get("selection") or fitted.summary.get("zero_shot") or {}
    return found.get("season") or default_season(fitted.history.frequency)


def _batch_size(past: Past) -> int:
    return max(1, MAX_BATCH_VALUES // max(1, past[:1].numel()))


def _slice_known(known: Known | None, start: int, size: int) -> Known | None:
    return None if known is None else known[start : start + size]
