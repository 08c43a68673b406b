"""The result of a selection: the model, the evidence for it, and what its intervals follow from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from revin_forecast.models.reversible import Reversible
from revin_forecast.models.series_intervals import SeriesIntervals
from revin_forecast.selection.naive_comparison import NaiveComparison
from revin_forecast.selection.refit_members import RefitSettings
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.utils.shapes import Future, Past


@dataclass(frozen=True, eq=False)
class CalibrationWindows:
    """Errors on windows after the rows fitted on.

    These are the validation windows and, if they are few, earlier windows that were forecast with
    maps solved on the rows before them.
    """

    residuals: Future
    """(windows, horizon, targets): truth minus forecast."""
    past: Past
    """(windows, lookback, targets) look-backs of the residuals."""
    stride: float
    """Steps from one window's origin to the next."""


@dataclass(frozen=True, eq=False)
class ValidationForecast:
    """Forecast of the validation windows by candidates fitted on the training rows."""

    origins: np.ndarray
    """(windows,) rows of the table before each forecast."""
    forecast: Future
    """(windows, horizon, channels), standardized."""
    scale: Float[Tensor, " channels"]
    """Unit of the errors in MASE, standardized; infinite for channels that do not count."""


@dataclass(frozen=True, eq=False)
class SelectionResult:
    """The selected model and the evidence for it."""

    config: ModelConfig
    """Components and sizes of the model, to build it again."""
    model: Reversible
    """A `WeightedCombination`, fitted on all rows."""
    leaderboard: list[dict[str, Any]]
    """A row for each candidate, best first: model, validation MASE, share, seconds."""
    mase: float
    """MASE of the combination on the validation windows."""
    window_count: int
    """Number of validation windows."""
    season: int
    """Steps of the main season; 1 without one."""
    skipped_candidates: list[str]
    """Titles of the candidates that the time budget left out."""
    calibration: SeriesIntervals | CalibrationWindows
    """Intervals, or the windows to calibrate them on."""
    comparison: NaiveComparison
    """Comparison of the combination with the naive forecast, in the same tests."""
    refit: RefitSettings
    """Settings with which the members of the model are solved again."""
    validation: ValidationForecast | None = None
    """Forecast of the validation windows; None if there was no validation part."""
