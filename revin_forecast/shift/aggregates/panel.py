from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from revin_forecast.shift.aggregates.draws import seed_of
from revin_forecast.shift.aggregates.estimates import Estimate, mean_over_cells

MODEL = ["backbone", "normalizer", "role"]
SPEC = ["semantics", "placement", "shift", "arm", "severity", "age", "shift_seed"]
UNCHANGED = ("clean", "natural")
"""Placements without a shift of ours; elsewhere severity 0 is the clean data once more."""


class Model(NamedTuple):
    """What was trained, apart from the seed."""

    backbone: str
    normalizer: str
    role: str


class Picked(NamedTuple):
    """Cells to compare: rows of a model and, in the same order, of another; sorted by seed."""

    rows: Int[np.ndarray, " cells"]
    others: Int[np.ndarray, " cells"]
    seeds: Int[np.ndarray, " cells"]


@dataclass(frozen=True, eq=False)
class Panel:
    """One data set's cells by model, seed and spec (which shift, where, how strong).

    Failures stay failures: what is compared are the (spec, seed) that every model has done, those
    apart that have nothing at all in the placement. A model that was run with one seed, beside
    others with more, is taken to be without randomness and stands beside each of theirs.
    """

    dataset: str
    models: tuple[Model, ...]
    """Of the whole benchmark, in the order of the axes below."""
    specs: pd.DataFrame
    table: pd.DataFrame
    """The done cells."""
    rows: Int[np.ndarray, "models seeds specs"]
    """Of the table; -1: not done."""
    alone: Bool[np.ndarray, " models"]
    """Whether a model's one seed stands beside every other."""
    common: Bool[np.ndarray, "models seeds specs"]
    """What is compared."""
    failed: Int[np.ndarray, "models specs"]
    """Failed cells over the seeds."""
    logs: Float[np.ndarray, "cells resamples"]
    """Logarithms of each done cell's mean error, redrawn."""

    @cached_property
    def seed(self) -> int:
        """Of the draws."""
        return seed_of(self.dataset)

    @cached_property
    def errors(self) -> Float[np.ndarray, " cells"]:
        """Mean pulled-back MASE* of each done cell."""
        return self.table.mase_pb.to_numpy(float)

    @cached_property
    def added(self) -> Float[np.ndarray, " cells"]:
        """What the shift of each done cell adds to the error of the clean one."""
        return self.errors - self.table.e0_ref.to_numpy(float)

    def place(self, placement: str) -> Bool[np.ndarray, " specs"]:
        """Return which specs lie in a placement, severity 0 left out where it is no shift."""
        severity, placements = self._axes
        chosen = placements == placement
        if placement == "clean":  # a data set may itself come in several severities
            return chosen & (severity == 0)
        return chosen if placement in UNCHANGED else chosen & (severity > 0)

    @cached_property
    def _axes(self) -> tuple[np.ndarray, np.ndarray]:
        return self.specs.severity.to_numpy(), self.specs.placement.to_numpy(object)

    def pick(
        self, model: int, where: Bool[np.ndarray, " specs"], other: int | None = None
    ) -> Picked:
        """Return the compared cells of a model among some specs, and those of another beside."""
        beside = model if other is None else other
        mine, theirs = self.rows[model][:, where], self.rows[beside][:, where]
        there = self.common[model][:, where] & (theirs >= 0)
        if self.alone[model] and self.alone[beside]:  # one pair of cells, to count once
            there &= there.cumsum(axis=0) == 1
        seeds, places = np.nonzero(there)
        return Picked(mine[seeds, places], theirs[seeds, places], seeds)

    def log_mean(self, picked: Picked) -> Estimate:
        """Return log(mean error) over cells."""
        errors = self.errors[picked.rows]
        drawn = mean_over_cells(np.exp(self.logs[picked.rows]), picked.seeds, self.seed)
        with np.errstate(divide="ignore"):
            return Estimate(float(np.log(errors.mean())), np.log(drawn))

    def log_ratio(self, picked: Picked) -> Estimate | None:
        """Return the mean of log(error / other's error); None without cells that have one.

        Cells where either error is 0 have no ratio and are left out.
        """
        there = self._have_ratio(picked)
        if not there.any():
            return None
        drawn = self.logs[picked.rows[there]] - self.logs[picked.others[there]]
        drawn = mean_over_cells(drawn, picked.seeds[there], self.seed)
        return Estimate(float(self.ratios(picked).mean()), drawn)

    def ratios(self, picked: Picked) -> Float[np.ndarray, " ratios"]:
        """Return log(error / other's error) of each two cells that have one."""
        there = self._have_ratio(picked)
        return np.log(self.errors[picked.rows[there]] / self.errors[picked.others[there]])

    def _have_ratio(self, picked: Picked) -> np.ndarray:
        return (self.errors[picked.rows] > 0) & (self.errors[picked.others] > 0)
