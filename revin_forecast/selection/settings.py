"""The inputs of a selection: the task and the settings."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from revin_forecast.errors import InputError

DEFAULT_BUDGET_SECONDS = {"standard": 20.0, "thorough": 600.0}


@dataclass(frozen=True)
class SelectionSettings:
    """Settings of the automatic choice, for a forecaster without a named backbone."""

    seasons: tuple[int, ...] = ()
    """Season lengths in steps, the main season first; empty: detected."""
    effort: Literal["standard", "thorough"] = "standard"
    """standard: naive forecasts and closed-form maps. thorough: trained backbones as well."""
    budget: float | int | None = None
    """Seconds after which no further candidate starts; None: 20, or 600 if thorough."""

    def __post_init__(self):
        if any(season < 2 for season in self.seasons):
            raise InputError(
                f"a season is a number of steps from 2 up but got {list(self.seasons)}. Pass "
                "24 for a day of hours, or leave --season out."
            )
        if self.budget is not None and not (0 <= self.budget < math.inf):
            raise InputError(f"the budget is in seconds, from 0 up, but got {self.budget}.")

    @property
    def budget_seconds(self) -> float:
        """The budget in seconds, or the default of the effort."""
        return DEFAULT_BUDGET_SECONDS[self.effort] if self.budget is None else float(self.budget)


@dataclass(frozen=True, eq=False)
class SelectionTask:
    """The values to forecast, and how they are split."""

    values: np.ndarray
    """(time, channels) standardized float64, NaN where unobserved."""
    train: int
    """Number of training rows, counted from the first; the rest is validation."""
    horizon: int
    """Steps to forecast."""
    seasons: tuple[int, ...] = ()
    """Likely season lengths in steps, the main season first."""
    targets: tuple[int, ...] | None = None
    """Indices of the channels to forecast; the others are inputs only. None: all."""
    filled: np.ndarray | None = None
    """(time, channels) True where a gap was interpolated; such values are not scored."""

    @property
    def channels(self) -> int:
        """Number of channels, inputs included."""
        return self.values.shape[1]
