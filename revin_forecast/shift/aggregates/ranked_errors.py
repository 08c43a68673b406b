"""The errors that ranks compare, which damping can't lower."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Float

from revin_forecast.shift.aggregates.estimates import Estimate
from revin_forecast.shift.aggregates.panel import ModelKey, Panel

TIE_TOLERANCE = 1e-6
"""Difference of two log-errors that may be rounding."""
NEAR_CLEAN_ERROR = 0.25
"""Largest log-ratio of the clean errors of a model and of its best damped copy."""
Means = list[Estimate | None]
"""Mean of log(error) on each data set that has the placement; None where a cell is lacking."""


class RankedErrors:
    """The errors that ranks compare, by placement and model.

    The larger one of two: a model's own error, and its undamped error, with the forecasts scaled
    around the training mean by the factors (one a channel and step) that are best on clean data. A
    damped copy of a model, with the same undamped forecasts, has the error of its original if that
    is larger. So damping can't lower them, and an unfit factor can't, either.

    Args:
        panels: the data sets, at least one.
    """

    def __init__(self, panels: Sequence[Panel]):
        self.panels = panels
        self._means: dict[str, list[Means]] = {}

    @property
    def models(self) -> tuple[ModelKey, ...]:
        """The models, in the order of all results."""
        return self.panels[0].models

    def means(self, column: str) -> list[Means]:
        """Return the means of log(error) of each model in a placement."""
        if column not in self._means:
            own = [self._larger_means(number, column) for number in range(len(self.models))]
            self._means[column] = [
                max(own[number], own[original], key=pooled_value) if original != number else part
                for number, (part, original) in enumerate(zip(own, self.originals, strict=True))
            ]
        return self._means[column]

    def values(self, column: str) -> Float[np.ndarray, " models"]:
        """Return the mean of log(error) over data sets; NaN if a cell is lacking."""
        return np.array([pooled_value(part) for part in self.means(column)])

    def undamped_values(self, column: str) -> Float[np.ndarray, " models"]:
        """Return the mean of log(undamped error) over data sets; NaN if a cell is lacking."""
        numbers = range(len(self.models))
        return np.array([pooled_value(self._undamped_means(n, column)) for n in numbers])

    @cached_property
    def originals(self) -> list[int]:
        """Index of the model that each one is a damped copy of; its own index if of none.

        Copies have equal undamped errors on clean data. The original is the least damped one whose
        own clean error is near the smallest: a copy with too large forecasts is not taken.
        """
        undamped, originals = self.undamped_values("clean"), list(range(len(self.models)))
        for number in np.flatnonzero(np.isfinite(undamped)).tolist():
            copies = np.flatnonzero(np.abs(undamped - undamped[number]) < TIE_TOLERANCE)
            errors = self.clean_errors[copies]
            near = copies[errors <= errors.min() + NEAR_CLEAN_ERROR]
            original = int(near[np.argmin(self.factors[near])])
            if self.factors[original] < self.factors[number] - TIE_TOLERANCE:
                originals[number] = original
        return originals

    @cached_property
    def factors(self) -> Float[np.ndarray, " models"]:
        """Mean factor that undoes the damping of each model; NaN if unknown."""
        return self._clean_means([panel.undamping for panel in self.panels])

    @cached_property
    def clean_errors(self) -> Float[np.ndarray, " models"]:
        """Mean of log(own error) on clean data; NaN if a cell is lacking."""
        return self._clean_means([panel.log_errors for panel in self.panels])

    def _clean_means(self, cell_values: Sequence[np.ndarray]) -> np.ndarray:
        means = np.full(len(self.models), np.nan)
        for number in range(len(means)):
            parts = [
                values[panel.pair(number, panel.placement_mask("clean")).rows]
                for panel, values in zip(self.panels, cell_values, strict=True)
                if panel.has_cells(panel.placement_mask("clean"))
            ]
            if parts and all(len(part) for part in parts):
                means[number] = np.mean([part.mean() for part in parts])
        return means

    def _larger_means(self, number: int, column: str) -> Means:
        own = [panel.log_mean(number, mask) for panel, mask in self._used_panels(column)]
        undamped = self._undamped_means(number, column)
        return own if pooled_value(own) > pooled_value(undamped) else undamped

    def _undamped_means(self, number: int, column: str) -> Means:
        used = self._used_panels(column)
        return [panel.undamped_log_mean(number, mask) for panel, mask in used]

    def _used_panels(self, column: str) -> list[tuple[Panel, np.ndarray]]:
        """Return the data sets that have cells of a placement, with the mask of its conditions."""
        pairs = [(panel, panel.placement_mask(column)) for panel in self.panels]
        return [(panel, mask) for panel, mask in pairs if panel.has_cells(mask)]


def pooled_value(means: Means) -> float:
    """Return the mean over data sets; NaN without any, or if one is missing."""
    values = [part.value for part in means if part is not None]
    return float(np.mean(values)) if values and len(values) == len(means) else np.nan
