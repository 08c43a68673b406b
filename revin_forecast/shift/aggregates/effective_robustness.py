"""revin_forecast/shift/aggregates/effective_robustness.py."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.estimates import iter_groups, pool_estimates, select_rows
from revin_forecast.shift.aggregates.panel import Panel

EFFECTIVE_COLUMNS = ["backbone", "normalizer", "column", "effective"]
MIN_MODELS = 6
"""A line through fewer would be bent by each."""


def effective_robustness(table: pd.DataFrame) -> pd.DataFrame:
    """Return how far each model's shifted error lies off what its clean error lets expect.

    (Effective robustness; Taori et al., NeurIPS 2020.) The residual of log E_s from the line over
    log E_0 through the models without a normalizer: below 0 a model does better than they do at
    its clean error. Empty unless there are six of those with different clean errors.

    Args:
        table: the headline; models without a result on every data set are left out.
    """
    whole = table.n_datasets == table.groupby("column").n_datasets.transform("max")
    models = select_rows(table, (table.role == "model") & (table.mase > 0) & whole)
    wide = models.pivot(index=["backbone", "normalizer"], columns="column", values="mase")
    rows = []
    for column in ("steady", "transition", "observation"):
        both = wide.reindex(columns=["clean", column]).dropna()
        clean, shifted = np.log(both.to_numpy(np.float64)).T
        plain = np.array([normalizer == "Identity" for _, normalizer in both.index], dtype=bool)
        if plain.sum() < MIN_MODELS or np.ptp(clean[plain]) == 0:
            continue
        slope, level = np.polyfit(clean[plain], shifted[plain], 1)
        residual = shifted - (level + slope * clean)
        rows += [(*model, column, value) for model, value in zip(both.index, residual, strict=True)]
    return pd.DataFrame(rows, columns=EFFECTIVE_COLUMNS)


DECILE_COLUMNS = ["backbone", "normalizer", "shift", "decile", "displacement", "mase", "lo", "hi"]


def natural_shift_deciles(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return each model's error by deciles of how far real windows lie from the training part.

    Nothing is perturbed here. mase is the geometric mean over data sets, displacement their mean.
    """
    keys = [_decile_masks(panel) for panel in panels]
    rows = []
    for number in range(len(panels[0].models) if panels else 0):
        for key in sorted(set().union(*keys)):
            errors, moved = [], []
            for panel, places in zip(panels, keys, strict=True):
                if key not in places:
                    continue
                picked = panel.pair(number, places[key])
                if len(picked.rows):
                    errors.append(panel.log_mean(picked))
                    moved.append(panel.table.displacement.to_numpy()[picked.rows].mean())
            if errors:
                model = panels[0].models[number]
                names = (model.backbone, model.normalizer, *key, float(np.mean(moved)))
                rows.append((*names, *pool_estimates(errors).exp()))
    return pd.DataFrame(rows, columns=DECILE_COLUMNS)


def _decile_masks(panel: Panel) -> dict[tuple[str, int], np.ndarray]:
    specs = select_rows(panel.conditions, panel.conditions.placement == "natural")
    found = {}
    for (shift, decile), part in iter_groups(specs, ["shift", "severity"]):
        where = np.zeros(len(panel.conditions), dtype=bool)
        where[part.index] = True
        found[shift, int(decile)] = where
    return found
