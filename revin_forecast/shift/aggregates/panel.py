"""The cells of one data set as arrays of models, seeds and conditions."""

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
"""Placements without an added shift; in the others severity 0 repeats the clean data."""


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

    A failed cell is not replaced: only the (condition, seed) that every model has done are
    compared. Models without any result in a placement do not count there. A model that was run with
    one seed, while others have more, is taken to be deterministic and is compared with each seed.
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
    comparable: Bool[np.ndarray, "models seeds conditions"]
    """Whether the cell is compared."""
    failed_counts: Int[np.ndarray, "models conditions"]
    """Failed cells over the seeds."""
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

    def pair(
        self, model: int, condition_mask: Bool[np.ndarray, " conditions"], other: int | None = None
    ) -> CellPairs:
        """Return the compared cells of a model under some conditions, with those of another."""
        other = model if other is None else other
        rows = self.rows[model][:, condition_mask]
        other_rows = self.rows[other][:, condition_mask]
        is_paired = self.comparable[model][:, condition_mask] & (other_rows >= 0)
        if self.has_single_seed[model] and self.has_single_seed[other]:
            # All seeds hold the same pair of cells: count it once.
            is_paired &= is_paired.cumsum(axis=0) == 1
        seeds, columns = np.nonzero(is_paired)
        return CellPairs(rows[seeds, columns], other_rows[seeds, columns], seeds)

    def log_mean(self, pairs: CellPairs) -> Estimate:
        """Return log(mean error) over cells."""
        errors = self.errors[pairs.rows]
        draws = mean_over_cells(np.exp(self.bootstrap_logs[pairs.rows]), pairs.seeds, self.seed)
        with np.errstate(divide="ignore"):
            return Estimate(float(np.log(errors.mean())), np.log(draws))

    def log_ratio(self, pairs: CellPairs) -> Estimate | None:
        """Return the mean of log(error / other's error); None if no cell has that ratio.

        Cells where either error is 0 have no ratio and are left out.
        """
        has_ratio = self._has_ratio(pairs)
        if not has_ratio.any():
            return None
        draws = (
            self.bootstrap_logs[pairs.rows[has_ratio]]
            - self.bootstrap_logs[pairs.other_rows[has_ratio]]
        )
        draws = mean_over_cells(draws, pairs.seeds[has_ratio], self.seed)
        return Estimate(float(self.cell_log_ratios(pairs).mean()), draws)

    def cell_log_ratios(self, pairs: CellPairs) -> Float[np.ndarray, " cell_log_ratios"]:
        """Return log(error / other's error) of each pair that has a ratio."""
        has_ratio = self._has_ratio(pairs)
        return np.log(self.errors[pairs.rows[has_ratio]] / self.errors[pairs.other_rows[has_ratio]])

    def _has_ratio(self, pairs: CellPairs) -> np.ndarray:
        return (self.errors[pairs.rows] > 0) & (self.errors[pairs.other_rows] > 0)


def build_panels(cells: pd.DataFrame, errors: WindowErrors, resamples: int) -> tuple[Panel, ...]:
    """Arrange a table of cells by data set, independent of the order of its rows.

    Raises:
        InputError: two rows describe the same cell.
    """
    cells = cells.assign(arm=cells.arm.fillna(""))
    identity = ["dataset", *MODEL_COLUMNS, "seed", *CONDITION_COLUMNS]
    # Sorted, so that the tables do not depend on the order in which cells were measured.
    cells = cells.sort_values([*identity, "cell_key"], kind="stable", ignore_index=True)
    done = select_rows(cells, cells.status == "done")
    duplicates = select_rows(done, done.duplicated(subset=identity))
    if len(duplicates):
        first = ", ".join(str(value) for value in duplicates[identity].iloc[0])
        raise InputError(
            f"{len(duplicates)} done cells occur more than once, the first of ({first}). Combine "
            "only runs of one suite, and give backbones of different sizes different names."
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
    condition = cells.groupby(CONDITION_COLUMNS, dropna=False).ngroup().to_numpy()
    first_rows = np.unique(condition, return_index=True)[1]
    conditions = cells.iloc[first_rows][CONDITION_COLUMNS].reset_index(drop=True)
    indices = {model: index for index, model in enumerate(models)}
    model = np.array([indices[ModelKey(*row)] for row in cells[MODEL_COLUMNS].to_numpy()])
    seeds, seed = np.unique(cells.seed.to_numpy(), return_inverse=True)
    is_done = (cells.status == "done").to_numpy()
    table = select_rows(cells, is_done).reset_index(drop=True)
    rows = np.full((len(models), len(seeds), len(conditions)), -1)
    rows[model[is_done], seed[is_done], condition[is_done]] = np.arange(len(table))
    has_single_seed = _repeat_single_seeds(models, cells, seed, rows)
    failed_counts = np.zeros((len(models), len(conditions)), dtype=int)
    is_failed = (cells.status == "failed").to_numpy()
    np.add.at(failed_counts, (model[is_failed], condition[is_failed]), 1)
    comparable = _common_cells(rows >= 0, conditions)
    logs = bootstrap_log_means(table, errors, resamples, dataset_seed(dataset))
    return Panel(
        dataset, models, conditions, table, rows, has_single_seed, comparable, failed_counts, logs
    )


def _repeat_single_seeds(
    models: tuple[ModelKey, ...], cells: pd.DataFrame, seed: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Repeat the rows of models with one seed for all seeds; return the mask of those models.

    The choice is made by backbone, so that it is the same for all of its normalizers.
    """
    has_single_seed = np.zeros(len(models), dtype=bool)
    for kind, part in iter_groups(cells.assign(seed=seed), ["backbone", "role"]):
        if part.seed.nunique() == 1:
            is_kind = np.array([(model.backbone, model.role) == kind for model in models])
            rows[is_kind] = rows[is_kind][:, [part.seed.iat[0]]]
            has_single_seed |= is_kind
    return has_single_seed


def _common_cells(is_done: np.ndarray, conditions: pd.DataFrame) -> np.ndarray:
    """Return the mask of cells that all models of a placement have done.

    Models without any done cell in a placement are left out there.
    """
    common = np.zeros_like(is_done)
    for placement in conditions.placement.unique():
        where = (conditions.placement == placement).to_numpy()
        is_present = is_done[:, :, where].any(axis=(1, 2))
        done_by_all = is_done[is_present][:, :, where].all(axis=0, keepdims=True)
        common[:, :, where] = is_present.reshape(-1, 1, 1) & done_by_all
    return common
