"""The cells of one data set as arrays of models, seeds and conditions."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from revin_forecast.shift.aggregates.bootstrap import (
    MIN_ERROR,
    dataset_seed,
)
from revin_forecast.shift.aggregates.estimates import (
    Estimate,
    mean_over_cells,
)

MODEL_COLUMNS = ["backbone", "normalizer", "role"]
CONDITION_COLUMNS = ["semantics", "placement", "shift", "arm", "severity", "age", "shift_seed"]
UNSHIFTED_PLACEMENTS = ("clean", "natural")
"""Placements without an added shift; in the others severity 0 repeats the clean data."""
FILL_PLACEMENT = "fill"
"""Placement of look-backs with gaps, which each model fills by itself: in no mean over shifts."""


class ModelKey(NamedTuple):
    """A trained model without its seed."""

    backbone: str
    normalizer: str
    role: str


class CellPairs(NamedTuple):
    """Cells to compare: rows of a model and the matching rows of another, sorted by seed."""

    rows: Int[np.ndarray, " cells"]
    other_rows: Int[np.ndarray, " cells"]
    seeds: Int[np.ndarray, " cells"]


@dataclass(frozen=True, eq=False)
class Panel:
    """One data set's cells by model, seed and condition (shift, placement, severity).

    Every figure of a data set rests on the same cells for every model: the required ones, which at
    least one model has done. A failed cell is not replaced. A model that lacks a required cell has
    no figure that the cell belongs to, and changes no figure of another model. A model that was
    planned with one seed, while others have more, is taken to be deterministic and is compared with
    each seed.
    """

    dataset: str
    models: tuple[ModelKey, ...]
    """Models of the whole benchmark, in the order of the axes below."""
    conditions: pd.DataFrame
    table: pd.DataFrame
    """The done cells."""
    rows: Int[np.ndarray, "models seeds conditions"]
    """Row of `table`; -1 if the cell is not done."""
    has_single_seed: Bool[np.ndarray, " models"]
    """Whether a model's only seed is repeated for all seeds."""
    required: Bool[np.ndarray, "seeds conditions"]
    """Whether the cell enters the figures: some model has done it, with a seed that all have."""
    failed_counts: Int[np.ndarray, "models conditions"]
    """Failed cells over the seeds."""
    excluded: Bool[np.ndarray, "models conditions"]
    """Whether a model can't be measured there: an online one has no transitions."""
    bootstrap_logs: Float[np.ndarray, "cells resamples"]
    """Logarithms of each done cell's resampled mean error."""

    @cached_property
    def seed(self) -> int:
        """Random seed of the draws."""
        return dataset_seed(self.dataset)

    @cached_property
    def errors(self) -> Float[np.ndarray, " cells"]:
        """Mean MASE* of each done cell, pulled back."""
        return self.table.mase_pb.to_numpy(float)

    @cached_property
    def log_errors(self) -> Float[np.ndarray, " cells"]:
        """Logarithm of each done cell's error, an error below `MIN_ERROR` counted as that."""
        return np.log(np.maximum(self.errors, MIN_ERROR))

    @cached_property
    def added_errors(self) -> Float[np.ndarray, " cells"]:
        """Increase of each done cell's error over the clean error."""
        return self.errors - self.table.e0_ref.to_numpy(float)

    def placement_mask(self, placement: str) -> Bool[np.ndarray, " conditions"]:
        """Return the mask of a placement's conditions, without severity 0 where that is clean."""
        severity, placements = self._severities_and_placements
        mask = placements == placement
        if placement == "clean":  # level-dependent data have severities of their own
            return mask & (severity == 0)
        return mask if placement in UNSHIFTED_PLACEMENTS else mask & (severity > 0)

    @cached_property
    def _severities_and_placements(self) -> tuple[np.ndarray, np.ndarray]:
        return self.conditions.severity.to_numpy(), self.conditions.placement.to_numpy(object)

    @cached_property
    def log_undamped_errors(self) -> Float[np.ndarray, " cells"]:
        """Logarithm of each done cell's undamped error; NaN if it was not measured."""
        return np.log(np.maximum(self.table.mase_undamped.to_numpy(float), MIN_ERROR))

    @cached_property
    def undamping(self) -> Float[np.ndarray, " cells"]:
        """Factor that undoes the damping of each done cell's model; NaN if it was not measured."""
        return self.table.undamping.to_numpy(float)

    def has_cells(self, condition_mask: Bool[np.ndarray, " conditions"]) -> bool:
        """Return whether there are required cells of some conditions."""
        return bool(self.required[:, condition_mask].any())

    def required_counts(self, model: int) -> Int[np.ndarray, " conditions"]:
        """Return the number of cells of a model that enter its figures, by condition."""
        if self.has_single_seed[model]:
            return self.required.any(axis=0).astype(int)
        return self.required.sum(axis=0)

    def lacking_counts(self, model: int) -> Int[np.ndarray, " conditions"]:
        """Return the number of required cells that a model has not done, by condition."""
        is_lacking = self.required & (self.rows[model] < 0) & ~self.excluded[model]
        return (
            is_lacking.any(axis=0).astype(int)
            if self.has_single_seed[model]
            else is_lacking.sum(axis=0)
        )

    def has_all(self, model: int, condition_mask: Bool[np.ndarray, " conditions"]) -> bool:
        """Return whether there are required cells of some conditions and a model has done all."""
        required = self.required[:, condition_mask]
        is_done = self.rows[model][:, condition_mask] >= 0
        return bool(required.any() and is_done[required].all())

    def done_rows(
        self, model: int, condition_mask: Bool[np.ndarray, " conditions"]
    ) -> tuple[Int[np.ndarray, " cells"], Int[np.ndarray, " cells"]]:
        """Return the rows and the conditions of a model's required cells, without lacking ones."""
        is_used = self.required & condition_mask & (self.rows[model] >= 0)
        if self.has_single_seed[model]:
            is_used &= is_used.cumsum(axis=0) == 1
        seeds, columns = np.nonzero(is_used)
        return self.rows[model][seeds, columns], columns

    def pair(
        self, model: int, condition_mask: Bool[np.ndarray, " conditions"], other: int | None = None
    ) -> CellPairs:
        """Return a model's cells under some conditions, with those of another model.

        Empty if either of them lacks one.
        """
        other = model if other is None else other
        is_used = self.required & condition_mask
        if not (self.has_all(model, condition_mask) and self.has_all(other, condition_mask)):
            is_used = np.zeros_like(is_used)
        if self.has_single_seed[model] and self.has_single_seed[other]:
            # All seeds hold the same pair of cells: count it once.
            is_used = is_used & (is_used.cumsum(axis=0) == 1)
        seeds, columns = np.nonzero(is_used)
        return CellPairs(self.rows[model][seeds, columns], self.rows[other][seeds, columns], seeds)

    def log_mean(
        self, model: int, condition_mask: Bool[np.ndarray, " conditions"]
    ) -> Estimate | None:
        """Return the mean of log(error) over the required cells of some conditions.

        None if there is none, or if the model lacks one of them. The exponential is the geometric
        mean of the errors, and the difference of two models is the logarithm of their ratio.
        """
        key = (model, condition_mask.tobytes())
        if key not in self._log_means:
            self._log_means[key] = self._compute_log_mean(model, condition_mask)
        return self._log_means[key]

    @cached_property
    def _log_means(self) -> dict[tuple[int, bytes], Estimate | None]:
        return {}

    def _compute_log_mean(self, model: int, condition_mask: np.ndarray) -> Estimate | None:
        if not self.has_all(model, condition_mask):
            return None
        # With the seeds of all models, so that a ratio's draws are the difference of two means.
        seeds, columns = np.nonzero(self.required & condition_mask)
        rows = self.rows[model][seeds, columns]
        draws = mean_over_cells(self.bootstrap_logs[rows], seeds, self.seed)
        return Estimate(float(self.log_errors[rows].mean()), draws)

    def undamped_log_mean(
        self, model: int, condition_mask: Bool[np.ndarray, " conditions"]
    ) -> Estimate | None:
        """Return the mean of log(undamped error) over the same cells; None if one is not known.

        Its draws are those of the error, moved: damping does not change which windows are hard.
        """
        mean = self.log_mean(model, condition_mask)
        if mean is None:
            return None
        seeds, columns = np.nonzero(self.required & condition_mask)
        value = float(self.log_undamped_errors[self.rows[model][seeds, columns]].mean())
        if np.isnan(value):
            return None
        return Estimate(value, mean.draws + np.float32(value - mean.value))

    def log_ratio(
        self, model: int, other: int, condition_mask: Bool[np.ndarray, " conditions"]
    ) -> Estimate | None:
        """Return the mean of log(error / other's error); None if either model lacks a cell."""
        mean, other_mean = (self.log_mean(number, condition_mask) for number in (model, other))
        return None if mean is None or other_mean is None else mean.minus(other_mean)
