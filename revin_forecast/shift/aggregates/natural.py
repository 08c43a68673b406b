from collections.abc import Sequence

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.estimates import pool_estimates
from revin_forecast.shift.aggregates.panel import Panel
from revin_forecast.shift.aggregates.tables import iter_groups, select_rows

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
