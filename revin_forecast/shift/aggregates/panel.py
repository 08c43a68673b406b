"""revin_forecast/shift/aggregates/panel.py."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from revin_forecast.errors import InputError
from revin_forecast.shift.aggregates.bootstrap import (
    WindowErrors,
    bootstrap_log_means,
    dataset_seed,
)
from revin_forecast.shift.aggregates.estimates import (
    Estimate,
    iter_groups,
    mean_over_cells,
    select_rows,
)

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
        if (
            self.has_single_seed[model] and self.has_single_seed[beside]
        ):  # one pair of cells, to count once
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
        drawn = (
            self.bootstrap_logs[pairs.rows[there]] - self.bootstrap_logs[pairs.other_rows[there]]
        )
        drawn = mean_over_cells(drawn, pairs.seeds[there], self.seed)
        return Estimate(float(self.cell_log_ratios(pairs).mean()), drawn)

    def cell_log_ratios(self, pairs: CellPairs) -> Float[np.ndarray, " cell_log_ratios"]:
        """Return log(error / other's error) of each two cells that have one."""
        there = self._has_ratio(pairs)
        return np.log(self.errors[pairs.rows[there]] / self.errors[pairs.other_rows[there]])

    def _has_ratio(self, pairs: CellPairs) -> np.ndarray:
        return (self.errors[pairs.rows] > 0) & (self.errors[pairs.other_rows] > 0)


def build_panels(cells: pd.DataFrame, errors: WindowErrors, resamples: int) -> tuple[Panel, ...]:
    """Lay out a table of cells by data set; the order of its rows is of no effect.

    Raises:
        InputError: two rows are of one cell.
    """
    cells = cells.assign(arm=cells.arm.fillna(""))
    order = ["dataset", *MODEL_COLUMNS, "seed", *CONDITION_COLUMNS]
    cells = cells.sort_values([*order, "cell_key"], kind="stable", ignore_index=True)
    counted = select_rows(cells, cells.status == "done")
    twice = select_rows(counted, counted.duplicated(subset=order))
    if len(twice):
        same = ", ".join(str(value) for value in twice[order].iloc[0])
        raise InputError(
            f"{len(twice)} done cells are there more than once, the first of ({same}). Put runs of "
            "one suite together only, and give backbones of other sizes other names."
        )
    models = tuple(ModelKey(*key) for key, _ in iter_groups(cells, MODEL_COLUMNS))
    return tuple(
        _build_panel(str(name), models, part, errors, resamples)
        for (name,), part in iter_groups(cells, ["dataset"])
    )


def _build_panel(
    dataset: str,
    models: tuple[ModelKey, ...],
    cells: pd.DataFrame,
    errors: WindowErrors,
    resamples: int,
) -> Panel:
    spec = cells.groupby(CONDITION_COLUMNS, dropna=False).ngroup().to_numpy()
    specs = cells.iloc[np.unique(spec, return_index=True)[1]][CONDITION_COLUMNS].reset_index(
        drop=True
    )
    places = {model: place for place, model in enumerate(models)}
    model = np.array([places[ModelKey(*row)] for row in cells[MODEL_COLUMNS].to_numpy()])
    names, seed = np.unique(cells.seed.to_numpy(), return_inverse=True)
    done = (cells.status == "done").to_numpy()
    table = select_rows(cells, done).reset_index(drop=True)
    rows = np.full((len(models), len(names), len(specs)), -1)
    rows[model[done], seed[done], spec[done]] = np.arange(len(table))
    alone = _repeat_single_seeds(models, cells, seed, rows)
    failed = np.zeros((len(models), len(specs)), dtype=int)
    bad = (cells.status == "failed").to_numpy()
    np.add.at(failed, (model[bad], spec[bad]), 1)
    common = _common_cells(rows >= 0, specs)
    logs = bootstrap_log_means(table, errors, resamples, dataset_seed(dataset))
    return Panel(dataset, models, specs, table, rows, alone, common, failed, logs)


def _repeat_single_seeds(
    models: tuple[ModelKey, ...], cells: pd.DataFrame, seed: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Repeat rows of what was run with one seed for the others, the same for all normalizers."""
    alone = np.zeros(len(models), dtype=bool)
    for kind, part in iter_groups(cells.assign(seed=seed), ["backbone", "role"]):
        if part.seed.nunique() == 1:
            chosen = np.array([(model.backbone, model.role) == kind for model in models])
            rows[chosen] = rows[chosen][:, [part.seed.iat[0]]]
            alone |= chosen
    return alone


def _common_cells(done: np.ndarray, specs: pd.DataFrame) -> np.ndarray:
    """Return what all models have done, by placement; models without anything there apart."""
    common = np.zeros_like(done)
    for placement in specs.placement.unique():
        where = (specs.placement == placement).to_numpy()
        present = done[:, :, where].any(axis=(1, 2))
        everybody = done[present][:, :, where].all(axis=0, keepdims=True)
        common[:, :, where] = present.reshape(-1, 1, 1) & everybody
    return common
