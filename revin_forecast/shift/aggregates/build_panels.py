"""Arrange a table of cells by data set, model, seed and condition."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from revin_forecast.errors import InputError
from revin_forecast.shift.aggregates.bootstrap import (
    WindowErrors,
    bootstrap_log_means,
    dataset_seed,
)
from revin_forecast.shift.aggregates.estimates import iter_groups, select_rows
from revin_forecast.shift.aggregates.panel import (
    CONDITION_COLUMNS,
    MODEL_COLUMNS,
    ModelKey,
    Panel,
)


def build_panels(cells: pd.DataFrame, errors: WindowErrors, resamples: int) -> tuple[Panel, ...]:
    """Arrange a table of cells by data set, independent of the order of its rows.

    Raises:
        InputError: two rows describe the same cell.
    """
    cells = cells.assign(arm=cells.arm.fillna(""))
    for name in ("mase_undamped", "undamping"):  # tables without them have no ranks
        cells[name] = cells.get(name, np.nan)
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
    seeds = _plan_seeds(models, cells)
    return tuple(
        _build_panel(str(name), seeds, part, errors, resamples)
        for (name,), part in iter_groups(cells, ["dataset"])
    )


def _build_panel(
    dataset: str, plan: "SeedPlan", cells: pd.DataFrame, errors: WindowErrors, resamples: int
) -> Panel:
    condition = cells.groupby(CONDITION_COLUMNS, dropna=False).ngroup().to_numpy()
    first_rows = np.unique(condition, return_index=True)[1]
    conditions = cells.iloc[first_rows][CONDITION_COLUMNS].reset_index(drop=True)
    indices = {model: index for index, model in enumerate(plan.models)}
    model = np.array([indices[ModelKey(*row)] for row in cells[MODEL_COLUMNS].to_numpy()])
    seed = np.searchsorted(plan.seeds, cells.seed.to_numpy())
    is_done = (cells.status == "done").to_numpy() & np.isfinite(cells.mase_pb.to_numpy(float))
    table = select_rows(cells, is_done).reset_index(drop=True)
    rows = np.full((len(plan.models), len(plan.seeds), len(conditions)), -1)
    rows[model[is_done], seed[is_done], condition[is_done]] = np.arange(len(table))
    for number in np.flatnonzero(plan.single_seed >= 0):
        rows[number] = rows[number, plan.single_seed[number]]
    failed_counts = np.zeros((len(plan.models), len(conditions)), dtype=int)
    is_failed = (cells.status == "failed").to_numpy()
    np.add.at(failed_counts, (model[is_failed], condition[is_failed]), 1)
    excluded = np.zeros((len(plan.models), len(conditions)), dtype=bool)
    is_excluded = (cells.status == "excluded").to_numpy()
    excluded[model[is_excluded], condition[is_excluded]] = True
    is_model = np.array([key.role == "model" for key in plan.models])
    # Cells that references alone have done compare no models.
    judges = rows[is_model] if is_model.any() else rows
    required = (judges >= 0).any(axis=0) & plan.is_common[:, None]
    logs = bootstrap_log_means(table, errors, resamples, dataset_seed(dataset))
    return Panel(
        dataset,
        plan.models,
        conditions,
        table,
        rows,
        plan.single_seed >= 0,
        required,
        failed_counts,
        excluded,
        logs,
    )


class SeedPlan(NamedTuple):
    """The training seeds of the models, over all data sets."""

    models: tuple[ModelKey, ...]
    seeds: Int[np.ndarray, " seeds"]
    single_seed: Int[np.ndarray, " models"]
    """Index of a model's only seed; -1 if it has several."""
    is_common: Bool[np.ndarray, " seeds"]
    """Whether all models with several seeds have the seed."""


def _plan_seeds(models: tuple[ModelKey, ...], cells: pd.DataFrame) -> SeedPlan:
    """Return the seeds that the models were planned with, whether their cells are done or not."""
    seeds = np.unique(cells.seed.to_numpy())
    single, is_common = np.full(len(models), -1), np.ones(len(seeds), dtype=bool)
    # By backbone, so that the choice is the same for all of its normalizers.
    for kind, part in iter_groups(cells, ["backbone", "role"]):
        numbers = [n for n, model in enumerate(models) if (model.backbone, model.role) == kind]
        if part.seed.nunique() == 1:
            single[numbers] = np.searchsorted(seeds, part.seed.iat[0])
        else:
            for _, own in part.groupby("normalizer", sort=True):
                is_common &= np.isin(seeds, own.seed.to_numpy())
    return SeedPlan(models, seeds, single, is_common)
