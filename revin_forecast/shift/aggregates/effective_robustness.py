"""Robustness beyond the clean error, and errors by deciles of the natural shift."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.estimates import iter_groups, pool_estimates, select_rows
from revin_forecast.shift.aggregates.panel import Panel

EFFECTIVE_COLUMNS = ["backbone", "normalizer", "column", "effective"]
MIN_MODELS = 6
"""Models without a normalizer that the line needs: through fewer, each would bend it."""


def effective_robustness(table: pd.DataFrame) -> pd.DataFrame:
    """Return each model's shifted error relative to the expectation from its clean error.

    (Effective robustness; Taori et al., NeurIPS 2020.) The residual of log E_s from the line over
    log E_0 through the models without a normalizer. Below 0 a model is better than those models at
    its clean error. Empty unless six of them have different clean errors.

    Args:
        table: the leaderboard; models without a result on every data set are left out.
    """
    is_complete = table.n_datasets == table.groupby("column").n_datasets.transform("max")
    models = select_rows(table, (table.role == "model") & (table.mase > 0) & is_complete)
    wide = models.pivot(index=["backbone", "normalizer"], columns="column", values="mase")
    rows = []
    for column in ("steady", "transition", "observation"):
        both = wide.reindex(columns=["clean", column]).dropna()
        clean, shifted = np.log(both.to_numpy(np.float64)).T
        is_plain = np.array([normalizer == "Identity" for _, normalizer in both.index], dtype=bool)
        if is_plain.sum() < MIN_MODELS or np.ptp(clean[is_plain]) == 0:
            continue
        slope, level = np.polyfit(clean[is_plain], shifted[is_plain], 1)
        residual = shifted - (level + slope * clean)
        rows += [(*model, column, value) for model, value in zip(both.index, residual, strict=True)]
    return pd.DataFrame(rows, columns=EFFECTIVE_COLUMNS)


DECILE_COLUMNS = ["backbone", "normalizer", "shift", "decile", "displacement", "mase", "lo", "hi"]


def natural_shift_deciles(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return each model's error by deciles of the windows' distance from the training rows.

    No shift is added. mase is the geometric mean over data sets, displacement the mean over them.
    """
    masks = [_decile_masks(panel) for panel in panels]
    rows = []
    for number in range(len(panels[0].models) if panels else 0):
        for decile in sorted(set().union(*masks)):
            errors, displacements = [], []
            for panel, panel_masks in zip(panels, masks, strict=True):
                if decile not in panel_masks:
                    continue
                pairs = panel.pair(number, panel_masks[decile])
                if len(pairs.rows):
                    errors.append(panel.log_mean(pairs))
                    displacement = panel.table.displacement.to_numpy()
                    displacements.append(displacement[pairs.rows].mean())
            if errors:
                model = panels[0].models[number]
                mean_displacement = float(np.mean(displacements))
                names = (model.backbone, model.normalizer, *decile, mean_displacement)
                rows.append((*names, *pool_estimates(errors).exp()))
    return pd.DataFrame(rows, columns=DECILE_COLUMNS)


def _decile_masks(panel: Panel) -> dict[tuple[str, int], np.ndarray]:
    natural = select_rows(panel.conditions, panel.conditions.placement == "natural")
    masks = {}
    for (shift, decile), part in iter_groups(natural, ["shift", "severity"]):
        mask = np.zeros(len(panel.conditions), dtype=bool)
        mask[part.index] = True
        masks[shift, int(decile)] = mask
    return masks
