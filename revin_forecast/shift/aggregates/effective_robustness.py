"""Robustness beyond the clean error, and errors by deciles of the natural shift."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.estimates import iter_groups, pool_estimates, select_rows
from revin_forecast.shift.aggregates.lacking import describe_lacking
from revin_forecast.shift.aggregates.panel import Panel

EFFECTIVE_COLUMNS = ["backbone", "normalizer", "column", "effective"]
MIN_MODELS = 6
"""Models without a normalizer that the line needs: through fewer, each would bend it."""


def effective_robustness(table: pd.DataFrame) -> pd.DataFrame:
    """Return each model's shifted error relative to the expectation from its clean error.

    (Effective robustness; Taori et al., NeurIPS 2020.) The residual of log E_s from the line over
    log E_0 through the models without a normalizer. Below 0 a model is better than those models at
    its clean error. Empty unless six of them have different clean errors, and where one of them
    lacks a cell: another line would change every row.

    Args:
        table: the leaderboard; models that lack a cell are left out.
    """
    models = select_rows(table, (table.role == "model") & table.mase.notna())
    is_broken = (table.role == "model") & (table.normalizer == "Identity") & (table.n_lacking > 0)
    broken_columns = set(table.column[is_broken])
    wide = models.pivot(index=["backbone", "normalizer"], columns="column", values="mase")
    rows = []
    for column in ("steady", "transition", "observation"):
        if broken_columns & {"clean", column}:
            continue
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
DECILE_COLUMNS += ["note"]


def natural_shift_deciles(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return each model's error by deciles of the windows' distance from the training rows.

    No shift is added. mase is the geometric mean over data sets and cells, displacement the mean
    over data sets. A model that lacks a cell has no error, and its note names the cells.
    """
    decile_masks = [_decile_masks(panel) for panel in panels]
    rows = []
    for number, model in enumerate(panels[0].models if panels else ()):
        for decile in sorted(set().union(*decile_masks)):
            masks = [
                part.get(decile, np.zeros(len(panel.conditions), dtype=bool))
                for panel, part in zip(panels, decile_masks, strict=True)
            ]
            pairs = [pair for pair in zip(panels, masks, strict=True) if pair[0].has_cells(pair[1])]
            if not pairs:
                continue
            error = pool_estimates([panel.log_mean(number, mask) for panel, mask in pairs]).exp()
            # The windows are those of the clean data, so every model has the same displacement.
            displacement = float(np.mean([_mean_displacement(*pair) for pair in pairs]))
            note = describe_lacking(panels, number, masks)
            rows.append((model.backbone, model.normalizer, *decile, displacement, *error, note))
    return pd.DataFrame(rows, columns=DECILE_COLUMNS)


def _mean_displacement(panel: Panel, mask: np.ndarray) -> float:
    rows = panel.rows[:, :, mask]
    return float(panel.table.displacement.to_numpy()[rows[rows >= 0]].mean())


def _decile_masks(panel: Panel) -> dict[tuple[str, int], np.ndarray]:
    natural = select_rows(panel.conditions, panel.conditions.placement == "natural")
    masks = {}
    for (shift, decile), part in iter_groups(natural, ["shift", "severity"]):
        mask = np.zeros(len(panel.conditions), dtype=bool)
        mask[part.index] = True
        masks[shift, int(decile)] = mask
    return masks
