"""Online baselines: forecasts by models that go on learning in the test part.

A label is known when its row has passed: the model that forecasts from an origin has seen the
readings before it, and no window whose horizon reaches beyond it. Under a fault of a sensor the
readings are the wrong ones, as for a user; only the score knows the clean truth.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from revin_forecast.closed_form.refit_ridge import refit_ridge
from revin_forecast.models.reversible import Reversible
from revin_forecast.shift.measuring.windows import forecast_windows
from revin_forecast.utils.shapes import Past

MAX_SOLUTIONS = 12
"""Times that a closed form is solved again along the test part: limits the cost of a cell."""


@dataclass(frozen=True, eq=False)
class Stream:
    """The readings of a cell in the order of time, and the windows in them."""

    readings: np.ndarray
    """(time, channels) all rows, the training rows included; NaN is unobserved."""
    starts: np.ndarray
    """(windows,) first row of each window, ascending."""
    past: Past
    """(windows, lookback, channels) look-backs."""
    horizon: int
    """Steps to forecast."""

    @property
    def origins(self) -> np.ndarray:
        """(windows,) row of the first forecast step; the rows before it are known."""
        return self.starts + self.past.shape[1]

    def labels(self) -> np.ndarray:
        """Return the readings in the horizons, (windows, horizon, channels)."""
        return self.readings[self.origins[:, None] + np.arange(self.horizon)]


class OnlineLearner(ABC):
    """A way to go on learning from the readings of the test part."""

    name: ClassVar[str]
    """Name in suites and tables."""
    needs_closed_form: ClassVar[bool] = False
    """Whether the backbone must be a Ridge."""

    @abstractmethod
    def forecast(self, model: Reversible, stream: Stream) -> np.ndarray:
        """Return the forecasts (windows, horizon, channels) of a stream's windows.

        Args:
            model: the model as it was trained, in evaluation mode; it is not changed.
            stream: readings and windows.
        """


@dataclass(frozen=True)
class LevelAdaptation(OnlineLearner):
    """Add the mean of the model's latest errors, by channel; the model stays as it is.

    The error of a window is the mean of reading - forecast over its horizon. It is known one
    horizon after the window's origin and then loses half of its weight with every further horizon.
    """

    name = "level"

    def forecast(self, model: Reversible, stream: Stream) -> np.ndarray:
        """Return the model's forecasts, moved by its latest errors."""
        forecasts = forecast_windows(model, stream.past)
        return forecasts + trailing_errors(forecasts, stream)[:, None]


def trailing_errors(forecasts: np.ndarray, stream: Stream) -> np.ndarray:
    """Return (windows, channels): weighted mean error of the windows that have come true; else 0.

    Args:
        forecasts: (windows, horizon, channels).
        stream: the readings and the same windows.
    """
    differences = stream.labels() - forecasts
    is_known = np.isfinite(differences)
    counts = is_known.sum(axis=1)
    sums = np.where(is_known, differences, 0).sum(axis=1)
    errors, weights = sums / np.maximum(counts, 1), (counts > 0).astype(float)
    # ends[i]: number of windows whose horizon has passed at the origin of window i.
    ends = np.searchsorted(stream.starts + stream.horizon, stream.starts, side="right")
    total, weight = np.zeros(errors.shape[1]), np.zeros(errors.shape[1])
    means, done, clock = np.zeros_like(errors), 0, stream.starts[0]
    for index, end in enumerate(ends):
        for known in range(done, end):
            passed = stream.starts[known] + stream.horizon
            decay = 0.5 ** ((passed - clock) / stream.horizon)
            total, weight = total * decay + errors[known] * weights[known], weight * decay
            weight, clock = weight + weights[known], passed
        done = max(done, end)
        means[index] = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    return means


@dataclass(frozen=True)
class ClosedFormUpdate(OnlineLearner):
    """Solve a Ridge again on all rows so far, with its penalties, at up to twelve moments.

    Gaps in the rows are filled with the last reading.
    """

    penalties: tuple[float, ...]
    """Penalties that the training selected: one, or one per channel."""

    name = "update"
    needs_closed_form = True

    def forecast(self, model: Reversible, stream: Stream) -> np.ndarray:
        """Return the forecasts of the solutions that were current at each origin."""
        return _forecast_with_solutions(model, stream, self.penalties, None)


@dataclass(frozen=True)
class Refit(OnlineLearner):
    """Solve a Ridge again on the latest rows, as many as trained it, at up to twelve moments.

    Gaps in the rows are filled with the last reading.
    """

    penalties: tuple[float, ...]
    """Penalties that the training selected: one, or one per channel."""
    rows: int
    """Rows of a solution."""

    name = "refit"
    needs_closed_form = True

    def forecast(self, model: Reversible, stream: Stream) -> np.ndarray:
        """Return the forecasts of the solutions that were current at each origin."""
        return _forecast_with_solutions(model, stream, self.penalties, self.rows)


def _forecast_with_solutions(
    model: Reversible, stream: Stream, penalties: Sequence[float], rows: int | None
) -> np.ndarray:
    model, parts = deepcopy(model), []
    readings = torch.from_numpy(fill_forward(stream.readings))
    count = min(MAX_SOLUTIONS, len(stream.starts))
    for number, windows in enumerate(np.array_split(np.arange(len(stream.starts)), count)):
        if number:  # the first windows have the model as it was trained
            known = readings[: stream.origins[windows[0]]]
            refit_ridge(model, penalties, known if rows is None else known[-rows:])
        parts.append(forecast_windows(model, stream.past[windows[0] : windows[-1] + 1]))
    return np.concatenate(parts)


def fill_forward(readings: np.ndarray) -> np.ndarray:
    """Return readings (time, channels) float64 whose gaps have the last reading before, else 0.

    With gaps, each step of the horizon would have windows and equations of its own.
    """
    steps = np.arange(len(readings))[:, None]
    source = np.maximum.accumulate(np.where(np.isfinite(readings), steps, 0), axis=0)
    filled = np.take_along_axis(readings, source, axis=0)
    return np.nan_to_num(filled.astype(np.float64))


LEARNERS: tuple[type[OnlineLearner], ...] = (LevelAdaptation, ClosedFormUpdate, Refit)


def find_learner(name: str) -> type[OnlineLearner]:
    """Return the class of a learner's name in suites, one of `LEARNERS`."""
    return next(learner for learner in LEARNERS if learner.name == name)


def make_learner(name: str, fit: Mapping[str, Any], train_rows: int) -> OnlineLearner:
    """Return a learner for a trained model.

    Args:
        name: level, update or refit.
        fit: summary of the model's fit, which holds the penalties of a Ridge.
        train_rows: number of training rows.
    """
    if name == LevelAdaptation.name:
        return LevelAdaptation()
    penalties = tuple(fit["penalties"])
    if name == ClosedFormUpdate.name:
        return ClosedFormUpdate(penalties)
    return Refit(penalties, train_rows)
