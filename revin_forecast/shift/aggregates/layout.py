"""From a table of cells to panels, so that every comparison is over the same cells."""

import numpy as np
import pandas as pd

from revin_forecast.errors import InputError
from revin_forecast.shift.aggregates.draws import WindowErrors, bootstrap_log_means, dataset_seed
from revin_forecast.shift.aggregates.panel import MODEL_COLUMNS, CONDITION_COLUMNS, ModelKey, Panel
from revin_forecast.shift.aggregates.tables import iter_groups, select_rows


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
    specs = cells.iloc[np.unique(spec, return_index=True)[1]][CONDITION_COLUMNS].reset_index(drop=True)
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
