from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from revin_forecast.shift.aggregates.draws import dataset_seed
from revin_forecast.shift.aggregates.estimates import Estimate, mean_over_cells

MODEL_COLUMNS = ["backbone", "normalizer", "role"]
CONDITION_COLUMNS = ["semantics", "placement", "shift", "arm", "severity", "age", "shift_seed"]
UNSHIFTED_PLACEMENTS = ("clean", "natural")
"""Placements without a shift of ours; elsewhere severity 0 is the clean data once more."""


class ModelKey(NamedTuple):
    """What was trained, apart from the seed."""

    backbone: str
    normalizer: str
    role: str


class CellPairs(NamedTuple):
    """Cells to compare: rows of a model and, in the same order, of another; sorted by seed."""

    rows: Int[np.ndarray, " cells"]
    other_rows: Int[np.ndarray, " cells"]
    seeds: Int[np.ndarray, " cells"]


@dataclass(frozen=True, eq=False)
class Panel:
    """One data set's cells by model, seed and spec (which shift, where, how strong).

    Failures stay failures: what is compared are the (spec, seed) that every model has done, those
    apart that have nothing at all in the placement. A model that was run with one seed, beside
    others with more, is taken to be without randomness and stands beside each of theirs.
    """

    dataset: str
    models: tuple[ModelKey, ...]
    """Of the whole benchmark, in the order of the axes below."""
    conditions: pd.DataFrame
    table: pd.DataFrame
    """The done cells."""
    rows: Int[np.ndarray, "models seeds specs"]
    """Of the table; -1: not done."""
    has_single_seed: Bool[np.ndarray, " models"]
    """Whether a model's one seed stands beside every other."""
    comparable: Bool[np.ndarray, "models seeds specs"]
    """What is compared."""
    failed_counts: Int[np.ndarray, "models specs"]
    """Failed cells over the seeds."""
    bootstrap_logs: Float[np.ndarray, "cells resamples"]
    """Logarithms of each done cell's mean error, redrawn."""

    @cached_property
    def seed(self) -> int:
        """Of the draws."""
        return dataset_seed(self.dataset)

    @cached_property
    def errors(self) -> Float[np.ndarray, " cells"]:
        """Mean pulled-back MASE* of each done cell."""
        return self.table.mase_pb.to_numpy(float)

    @cached_property
    def added_errors(self) -> Float[np.ndarray, " cells"]:
        """What the shift of each done cell adds to the error of the clean one."""
        return self.errors - self.table.e0_ref.to_numpy(float)

    def placement_mask(self, placement: str) -> Bool[np.ndarray, " conditions"]:
        """Return which specs lie in a placement, severity 0 left out where it is no shift."""
        severity, placements = self._severities_and_placements
        chosen = placements == placement
        if placement == "clean":  # a data set may itself come in several severities
            return chosen & (severity == 0)
        return chosen if placement in UNSHIFTED_PLACEMENTS else chosen & (severity > 0)

    @cached_property
    def _severities_and_placements(self) -> tuple[np.ndarray, np.ndarray]:
        return self.conditions.severity.to_numpy(), self.conditions.placement.to_numpy(object)

    def pair(
        self, model: int, condition_mask: Bool[np.ndarray, " conditions"], other: int | None = None
    ) -> CellPairs:
        """Return the compared cells of a model among some specs, and those of another beside."""
        beside = model if other is None else other
        mine, theirs = self.rows[model][:, condition_mask], self.rows[beside][:, condition_mask]
        there = self.comparable[model][:, condition_mask] & (theirs >= 0)
        if self.has_single_seed[model] and self.has_single_seed[beside]:  # one pair of cells, to count once
            there &= there.cumsum(axis=0) == 1
        seeds, places = np.nonzero(there)
        return CellPairs(mine[seeds, places], theirs[seeds, places], seeds)

    def log_mean(self, pairs: CellPairs) -> Estimate:
        """Return log(mean error) over cells."""
        errors = self.errors[pairs.rows]
        drawn = mean_over_cells(np.exp(self.bootstrap_logs[pairs.rows]), pairs.seeds, self.seed)
        with np.errstate(divide="ignore"):
            return Estimate(float(np.log(errors.mean())), np.log(drawn))

    def log_ratio(self, pairs: CellPairs) -> Estimate | None:
        """Return the mean of log(error / other's error); None without cells that have one.

        Cells where either error is 0 have no ratio and are left out.
        """
        there = self._has_ratio(pairs)
        if not there.any():
            return None
        drawn = self.bootstrap_logs[pairs.rows[there]] - self.bootstrap_logs[pairs.other_rows[there]]
        drawn = mean_over_cells(drawn, pairs.seeds[there], self.seed)
        return Estimate(float(self.cell_log_ratios(pairs).mean()), drawn)

    def cell_log_ratios(self, pairs: CellPairs) -> Float[np.ndarray, " cell_log_ratios"]:
        """Return log(error / other's error) of each two cells that have one."""
        there = self._has_ratio(pairs)
        return np.log(self.errors[pairs.rows[there]] / self.errors[pairs.other_rows[there]])

    def _has_ratio(self, pairs: CellPairs) -> np.ndarray:
        return (self.errors[pairs.rows] > 0) & (self.errors[pairs.other_rows] > 0)
